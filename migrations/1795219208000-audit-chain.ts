import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The chain that proves the audit log, the batches of issued tokens that wait to enter it, and the indexes by which the log
 * is read.
 *
 * The indexes are declared on the partitioned table alone, which takes no time: partitions made from now on have them, and for
 * older ones the server builds them in the background, without a lock that a writer would notice.
 */
export class AuditChain1795219208000 implements MigrationInterface {
  name = 'AuditChain1795219208000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE audit_log ADD COLUMN batch_id uuid`);
    for (const index of [
      `audit_log_occurred_at_id ON ONLY audit_log (occurred_at, id)`,
      `audit_log_actor_client_id ON ONLY audit_log (actor_client_id, occurred_at, id)`,
      `audit_log_target_client ON ONLY audit_log (target_id, occurred_at, id) WHERE target_type = 'client'`,
      `audit_log_action ON ONLY audit_log (action, occurred_at, id) WHERE action <> 'token.issued'`,
      `audit_log_refused ON ONLY audit_log (occurred_at, id) WHERE NOT success`,
      `audit_log_batch_id ON ONLY audit_log (batch_id) WHERE batch_id IS NOT NULL`,
    ]) {
      await queryRunner.query(`CREATE INDEX ${index}`);
    }
    await queryRunner.query(`
      CREATE TABLE token_batches (
        id uuid NOT NULL,
        entries integer NOT NULL,
        digest bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT token_batches_pkey PRIMARY KEY (id),
        CONSTRAINT token_batches_digest_check CHECK (octet_length(digest) = 32)
      )`);
    await this.createChain(queryRunner);
  }

  private async createChain(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE audit_chain (
        seq bigint NOT NULL,
        kind text NOT NULL,
        entry_id uuid,
        entry_at timestamptz,
        payload text,
        prev bytea NOT NULL,
        mac bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT audit_chain_pkey PRIMARY KEY (seq),
        CONSTRAINT audit_chain_prev_key UNIQUE (prev),
        CONSTRAINT audit_chain_entry_id_key UNIQUE (entry_id),
        CONSTRAINT audit_chain_kind_check CHECK (CASE kind
          WHEN 'entry' THEN entry_id IS NOT NULL AND entry_at IS NOT NULL AND payload IS NULL
          ELSE entry_id IS NULL AND entry_at IS NULL AND payload IS NOT NULL END)
      )`);
    await queryRunner.query(`
      CREATE TABLE audit_chain_head (
        singleton boolean NOT NULL DEFAULT true,
        seq bigint NOT NULL,
        entries bigint NOT NULL,
        mac bytea NOT NULL,
        CONSTRAINT audit_chain_head_pkey PRIMARY KEY (singleton),
        CONSTRAINT audit_chain_head_singleton_check CHECK (singleton)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(
      `INSERT INTO audit_chain_head (seq, entries, mac) VALUES (0, 0, decode(repeat('00', 32), 'hex'))`,
    );
    await queryRunner.query(`
      CREATE FUNCTION audit_chain_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'audit_chain is append-only' USING ERRCODE = 'insufficient_privilege';
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER audit_chain_no_change BEFORE UPDATE OR DELETE ON audit_chain
      FOR EACH ROW EXECUTE FUNCTION audit_chain_is_append_only()`);
    await queryRunner.query(`
      CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON audit_chain
      FOR EACH STATEMENT EXECUTE FUNCTION audit_chain_is_append_only()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE audit_chain_head');
    await queryRunner.query('DROP TABLE audit_chain');
    await queryRunner.query('DROP FUNCTION audit_chain_is_append_only()');
    await queryRunner.query('DROP TABLE token_batches');
    for (const name of ['occurred_at_id', 'actor_client_id', 'target_client', 'action', 'refused']) {
      await queryRunner.query(`DROP INDEX audit_log_${name}`);
    }
    // Takes its index with it.
    await queryRunner.query('ALTER TABLE audit_log DROP COLUMN batch_id');
  }
}
