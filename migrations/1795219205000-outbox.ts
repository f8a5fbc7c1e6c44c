import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The outbox: an event is a row, written in the transaction of the change that it tells of.
 *
 * `(source, source_id)` is what CloudEvents 1.0 §3.1 calls unique; for our own events `source_id` is the id itself.
 */
export class Outbox1795219205000 implements MigrationInterface {
  name = 'Outbox1795219205000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE events (
        id uuid NOT NULL,
        source text NOT NULL,
        source_id text NOT NULL,
        type text NOT NULL,
        subject text,
        data jsonb,
        schema_version smallint NOT NULL DEFAULT 1,
        occurred_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        routed_at timestamptz,
        CONSTRAINT events_pkey PRIMARY KEY (id),
        CONSTRAINT events_source_source_id_key UNIQUE (source, source_id)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query(`CREATE INDEX events_unrouted ON events (created_at, id) WHERE routed_at IS NULL`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE events');
  }
}
