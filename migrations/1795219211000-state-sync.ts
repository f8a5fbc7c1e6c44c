import type { MigrationInterface, QueryRunner } from 'typeorm';

/** State that services keep here for each other, and the feed of its changes in the order of their commits. All tables are new. */
export class StateSync1795219211000 implements MigrationInterface {
  name = 'StateSync1795219211000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE state_types (
        resource_type text COLLATE "C" NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT state_types_pkey PRIMARY KEY (resource_type),
        CONSTRAINT state_types_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients (client_id)
      )`);
    await queryRunner.query(`
      CREATE TABLE state_resources (
        resource_type text COLLATE "C" NOT NULL,
        resource_id text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        state text,
        digest bytea,
        deleted boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL,
        CONSTRAINT state_resources_pkey PRIMARY KEY (resource_type, resource_id),
        CONSTRAINT state_resources_resource_type_fkey FOREIGN KEY (resource_type) REFERENCES state_types (resource_type),
        CONSTRAINT state_resources_state_check CHECK (deleted = (state IS NULL))
      ) WITH (fillfactor = 80)`);
    await queryRunner.query(`
      CREATE TABLE state_feed (
        id boolean NOT NULL DEFAULT true,
        position bigint NOT NULL DEFAULT 0,
        CONSTRAINT state_feed_pkey PRIMARY KEY (id),
        CONSTRAINT state_feed_id_check CHECK (id)
      ) WITH (fillfactor = 10)`);
    await queryRunner.query(`INSERT INTO state_feed (id) VALUES (true)`);
    await queryRunner.query(`
      CREATE TABLE state_changes (
        position bigint NOT NULL,
        resource_type text COLLATE "C" NOT NULL,
        resource_id text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        deleted boolean NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT state_changes_pkey PRIMARY KEY (position)
      )`);
    await queryRunner.query(
      `CREATE INDEX state_changes_resource ON state_changes (resource_type, resource_id, version)`,
    );
    await queryRunner.query(`CREATE INDEX state_changes_resource_type ON state_changes (resource_type, position)`);
    await queryRunner.query(`CREATE INDEX state_changes_updated_at ON state_changes (updated_at)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ['state_changes', 'state_feed', 'state_resources', 'state_types']) {
      await queryRunner.query(`DROP TABLE ${table}`);
    }
  }
}
