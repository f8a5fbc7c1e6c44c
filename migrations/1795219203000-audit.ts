import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The audit log: append-only, partitioned by month.
 *
 * Triggers refuse UPDATE, DELETE and TRUNCATE for every role, the owner included; retention works by dropping partitions.
 */
export class Audit1795219203000 implements MigrationInterface {
  name = 'Audit1795219203000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE audit_log (
        id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        action text NOT NULL,
        success boolean NOT NULL,
        actor_client_id text COLLATE "C",
        target_type text,
        target_id text COLLATE "C",
        ip_address inet,
        user_agent text,
        request_id text,
        details jsonb,
        error text,
        CONSTRAINT audit_log_pkey PRIMARY KEY (id, occurred_at)
      ) PARTITION BY RANGE (occurred_at)`);
    await queryRunner.query(`
      CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
      FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only()`);
    await queryRunner.query(`
      CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE audit_log');
    await queryRunner.query('DROP FUNCTION audit_log_is_append_only()');
  }
}
