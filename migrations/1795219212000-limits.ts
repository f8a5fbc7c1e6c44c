import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Quotas per day, quotas that only report, shared tokens, and the counters of both. Safe on a live database: the columns may be
 * null, so that nothing is rewritten and a process of an older version goes on writing its rows; the tables are new.
 */
export class Limits1795219212000 implements MigrationInterface {
  name = 'Limits1795219212000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE clients
        ADD COLUMN rate_limit_per_day integer,
        ADD COLUMN rate_limit_mode text,
        ADD COLUMN token_coalescing_seconds integer`);
    await queryRunner.query(`
      CREATE TABLE coalesced_request_hours (
        hour timestamptz NOT NULL,
        shard smallint NOT NULL,
        requests bigint NOT NULL,
        CONSTRAINT coalesced_request_hours_pkey PRIMARY KEY (hour, shard)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(`
      CREATE TABLE limited_request_hours (
        hour timestamptz NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        quota text NOT NULL,
        mode text NOT NULL,
        shard smallint NOT NULL,
        requests bigint NOT NULL,
        CONSTRAINT limited_request_hours_pkey PRIMARY KEY (hour, client_id, quota, mode, shard)
      ) WITH (fillfactor = 50)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE limited_request_hours, coalesced_request_hours');
    await queryRunner.query(`
      ALTER TABLE clients
        DROP COLUMN token_coalescing_seconds,
        DROP COLUMN rate_limit_mode,
        DROP COLUMN rate_limit_per_day`);
  }
}
