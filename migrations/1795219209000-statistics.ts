import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Counters behind the statistics. Who counts only ever inserts a row into a `…_changes` table, so nobody waits for anybody; a
 * job of the server adds the changes up.
 *
 * Every step is safe on a live database: the tables are new, what is stored already is counted once, and the triggers, which
 * lock out writers for a moment, come last.
 */
export class Statistics1795219209000 implements MigrationInterface {
  name = 'Statistics1795219209000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await this.createTokenCounts(queryRunner);
    await queryRunner.query(`
      CREATE TABLE refused_request_hours (
        hour timestamptz NOT NULL,
        error text NOT NULL,
        shard smallint NOT NULL,
        refused bigint NOT NULL,
        CONSTRAINT refused_request_hours_pkey PRIMARY KEY (hour, error, shard)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(`
      CREATE TABLE client_count_changes (
        id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
        status text NOT NULL,
        change bigint NOT NULL,
        CONSTRAINT client_count_changes_pkey PRIMARY KEY (id)
      )`);
    await queryRunner.query('CREATE INDEX client_token_cuts_cut_at ON client_token_cuts (cut_at)');
    await this.countWhatIsThere(queryRunner);
    await this.createTriggers(queryRunner);
  }

  private async createTokenCounts(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE token_count_changes (
        id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        client_epoch bigint NOT NULL,
        kid text NOT NULL,
        issued_hour timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        issued integer NOT NULL DEFAULT 0,
        revoked integer NOT NULL DEFAULT 0,
        CONSTRAINT token_count_changes_pkey PRIMARY KEY (id)
      )`);
    await queryRunner.query(`
      CREATE TABLE token_counts (
        expires_at timestamptz NOT NULL,
        issued_hour timestamptz NOT NULL,
        kid text NOT NULL,
        issued bigint NOT NULL,
        revoked bigint NOT NULL,
        CONSTRAINT token_counts_pkey PRIMARY KEY (expires_at, issued_hour, kid)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query(`
      CREATE TABLE client_token_counts (
        client_id text COLLATE "C" NOT NULL,
        client_epoch bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        issued_hour timestamptz NOT NULL,
        kid text NOT NULL,
        issued bigint NOT NULL,
        revoked bigint NOT NULL,
        CONSTRAINT client_token_counts_pkey PRIMARY KEY (client_id, client_epoch, expires_at, issued_hour, kid)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query('CREATE INDEX client_token_counts_expires_at ON client_token_counts (expires_at)');
    await queryRunner.query(`
      CREATE TABLE token_hours (
        hour timestamptz NOT NULL,
        issued bigint NOT NULL,
        revoked bigint NOT NULL,
        CONSTRAINT token_hours_pkey PRIMARY KEY (hour)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(`
      CREATE TABLE client_token_hours (
        hour timestamptz NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        issued bigint NOT NULL,
        CONSTRAINT client_token_hours_pkey PRIMARY KEY (hour, client_id)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query(`
      CREATE TABLE client_token_days (
        day timestamptz NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        issued bigint NOT NULL,
        CONSTRAINT client_token_days_pkey PRIMARY KEY (day, client_id)
      ) WITH (fillfactor = 80)`);
  }

  private async countWhatIsThere(queryRunner: QueryRunner): Promise<void> {
    // Of many tokens this takes longer than a request may.
    await queryRunner.query('SET LOCAL statement_timeout = 0');
    await queryRunner.query(
      'INSERT INTO client_count_changes (status, change) SELECT status, count(*) FROM clients GROUP BY status',
    );
    await queryRunner.query(`
      INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, issued, revoked)
      SELECT client_id, client_epoch, kid, date_trunc('hour', issued_at, 'UTC'), expires_at, count(*),
        count(*) FILTER (WHERE revoked_at < expires_at)
      FROM access_tokens GROUP BY 1, 2, 3, 4, 5`);
  }

  private async createTriggers(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE FUNCTION count_revoked_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, revoked)
        SELECT client_id, client_epoch, kid, date_trunc('hour', issued_at, 'UTC'), expires_at, sum(change)
        FROM (
          SELECT n.*, 1 AS change FROM new_rows n WHERE revoked_at < expires_at
          UNION ALL
          SELECT o.*, -1 FROM old_rows o WHERE revoked_at < expires_at
        ) changes
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(change) <> 0;
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE FUNCTION count_clients() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'INSERT' THEN
          INSERT INTO client_count_changes (status, change) SELECT status, count(*) FROM new_rows GROUP BY status;
        ELSIF TG_OP = 'DELETE' THEN
          INSERT INTO client_count_changes (status, change) SELECT status, -count(*) FROM old_rows GROUP BY status;
        ELSE
          INSERT INTO client_count_changes (status, change)
          SELECT status, sum(change)
          FROM (SELECT status, 1 AS change FROM new_rows UNION ALL SELECT status, -1 FROM old_rows) changes
          GROUP BY status HAVING sum(change) <> 0;
        END IF;
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER clients_count_inserted AFTER INSERT ON clients
      REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_clients()`);
    await queryRunner.query(`
      CREATE TRIGGER clients_count_updated AFTER UPDATE ON clients
      REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_clients()`);
    await queryRunner.query(`
      CREATE TRIGGER clients_count_deleted AFTER DELETE ON clients
      REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_clients()`);
    await queryRunner.query(`
      CREATE TRIGGER access_tokens_count_revoked AFTER UPDATE ON access_tokens
      REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_revoked_tokens()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP FUNCTION count_revoked_tokens() CASCADE');
    await queryRunner.query('DROP FUNCTION count_clients() CASCADE');
    await queryRunner.query('DROP INDEX client_token_cuts_cut_at');
    await queryRunner.query('DROP TABLE client_count_changes, refused_request_hours');
    await queryRunner.query(
      'DROP TABLE client_token_days, client_token_hours, token_hours, client_token_counts, token_counts, token_count_changes',
    );
  }
}
