import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The event road: subscriptions, one delivery for each event and subscription, its attempts, and what was given up.
 *
 * Safe on a live database: `events` gets columns that need no rewrite, all other tables are new. The number of an event comes
 * from a default, which events of the time before do not have; they sort first.
 */
export class EventRoad1795219210000 implements MigrationInterface {
  name = 'EventRoad1795219210000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await this.extendEvents(queryRunner);
    await this.createSubscriptions(queryRunner);
    await this.createDeliveries(queryRunner);
    await this.createDeadLetters(queryRunner);
    await queryRunner.query(`
      CREATE TABLE event_types (
        type text COLLATE "C" NOT NULL,
        description text NOT NULL DEFAULT '',
        schema text,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT event_types_pkey PRIMARY KEY (type)
      )`);
  }

  /** `envelope` is the CloudEvent as it is sent; the server's own events, made of their columns, have none. */
  private async extendEvents(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE SEQUENCE events_seq AS bigint`);
    await queryRunner.query(`
      ALTER TABLE events
        ADD COLUMN seq bigint,
        ADD COLUMN envelope text,
        ADD COLUMN publisher text COLLATE "C",
        ADD COLUMN only_subscription_id uuid`);
    await queryRunner.query(`ALTER TABLE events ALTER COLUMN seq SET DEFAULT nextval('events_seq')`);
    await queryRunner.query(`ALTER SEQUENCE events_seq OWNED BY events.seq`);
    await queryRunner.query(
      `CREATE INDEX events_unrouted_subject ON events (source, subject, seq) WHERE routed_at IS NULL`,
    );
    await queryRunner.query(`CREATE INDEX events_routed_at ON events (routed_at) WHERE routed_at IS NOT NULL`);
  }

  private async createSubscriptions(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE subscriptions (
        id uuid NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        name text NOT NULL,
        delivery text NOT NULL DEFAULT 'push',
        url text,
        event_types text[] NOT NULL,
        source text,
        filter text,
        client_id text COLLATE "C",
        headers jsonb NOT NULL DEFAULT '{}',
        retry_backoff_seconds integer[],
        timeout_ms integer NOT NULL DEFAULT 10000,
        max_in_flight integer NOT NULL DEFAULT 10,
        rate_limit_per_second integer,
        ordering text NOT NULL DEFAULT 'none',
        auth_type text NOT NULL DEFAULT 'none',
        auth_scope text[],
        auth_resource text,
        status text NOT NULL DEFAULT 'active',
        paused_reason text,
        created_by text COLLATE "C",
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        deleted_at timestamptz,
        CONSTRAINT subscriptions_pkey PRIMARY KEY (id),
        CONSTRAINT subscriptions_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients (client_id),
        CONSTRAINT subscriptions_delivery_check CHECK (delivery IN ('push', 'poll')),
        CONSTRAINT subscriptions_ordering_check CHECK (ordering IN ('none', 'subject')),
        CONSTRAINT subscriptions_auth_type_check CHECK (auth_type IN ('none', 'oauth2')),
        CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'paused'))
      )`);
    await queryRunner.query(`CREATE INDEX subscriptions_created_at_id ON subscriptions (created_at, id)`);
    await queryRunner.query(`
      CREATE TABLE subscription_registry (
        id boolean NOT NULL DEFAULT true,
        version bigint NOT NULL DEFAULT 1,
        CONSTRAINT subscription_registry_pkey PRIMARY KEY (id),
        CONSTRAINT subscription_registry_id_check CHECK (id)
      )`);
    await queryRunner.query(`INSERT INTO subscription_registry (id) VALUES (true)`);
    await queryRunner.query(`
      CREATE TABLE subscription_secrets (
        id uuid NOT NULL,
        subscription_id uuid NOT NULL,
        ciphertext bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        expires_at timestamptz,
        CONSTRAINT subscription_secrets_pkey PRIMARY KEY (id),
        CONSTRAINT subscription_secrets_subscription_id_fkey FOREIGN KEY (subscription_id)
          REFERENCES subscriptions (id) ON DELETE CASCADE
      )`);
    await queryRunner.query(
      `CREATE INDEX subscription_secrets_subscription_id ON subscription_secrets (subscription_id)`,
    );
    await queryRunner.query(`
      CREATE TABLE subscription_health (
        subscription_id uuid NOT NULL,
        breaker text NOT NULL DEFAULT 'closed',
        consecutive_failures integer NOT NULL DEFAULT 0,
        opened_at timestamptz,
        probe_at timestamptz,
        probe_delay_seconds integer,
        rate_level double precision,
        rate_at timestamptz,
        succeeded bigint NOT NULL DEFAULT 0,
        dead bigint NOT NULL DEFAULT 0,
        attempts_succeeded bigint NOT NULL DEFAULT 0,
        attempts_failed bigint NOT NULL DEFAULT 0,
        CONSTRAINT subscription_health_pkey PRIMARY KEY (subscription_id),
        CONSTRAINT subscription_health_subscription_id_fkey FOREIGN KEY (subscription_id)
          REFERENCES subscriptions (id) ON DELETE CASCADE,
        CONSTRAINT subscription_health_breaker_check CHECK (breaker IN ('closed', 'open'))
      ) WITH (fillfactor = 50)`);
  }

  /** Open are those that are neither succeeded, nor dead, nor cancelled; what works on them looks at nothing else. */
  private async createDeliveries(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE deliveries (
        id uuid NOT NULL,
        event_id uuid NOT NULL,
        subscription_id uuid NOT NULL,
        event_type text NOT NULL,
        lane text NOT NULL,
        publisher text COLLATE "C",
        seq bigint NOT NULL,
        ordering_key bytea,
        status text NOT NULL DEFAULT 'pending',
        attempt_count integer NOT NULL DEFAULT 0,
        attempts_before integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL,
        next_attempt_at timestamptz,
        lease_token uuid,
        first_failed_at timestamptz,
        last_status_code integer,
        last_error text,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        finished_at timestamptz,
        CONSTRAINT deliveries_pkey PRIMARY KEY (id),
        CONSTRAINT deliveries_event_id_subscription_id_key UNIQUE (event_id, subscription_id),
        CONSTRAINT deliveries_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
        CONSTRAINT deliveries_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id),
        CONSTRAINT deliveries_lane_check CHECK (lane IN ('security', 'state', 'bulk')),
        CONSTRAINT deliveries_status_check CHECK (status IN ('pending', 'retrying', 'succeeded', 'dead', 'cancelled'))
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1)`);
    await queryRunner.query(`
      CREATE INDEX deliveries_due ON deliveries (subscription_id, lane, due_at, seq) WHERE status IN ('pending', 'retrying')`);
    await queryRunner.query(`
      CREATE INDEX deliveries_ordering ON deliveries (subscription_id, ordering_key, seq)
        WHERE status IN ('pending', 'retrying') AND ordering_key IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX deliveries_leased ON deliveries (subscription_id, due_at)
        WHERE status IN ('pending', 'retrying') AND lease_token IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX deliveries_publisher ON deliveries (publisher) WHERE status IN ('pending', 'retrying')`);
    await queryRunner.query(`CREATE INDEX deliveries_dead ON deliveries (created_at, id) WHERE status = 'dead'`);
    await queryRunner.query(`CREATE INDEX deliveries_created_at_id ON deliveries (created_at, id)`);
    await queryRunner.query(`CREATE INDEX deliveries_subscription_id ON deliveries (subscription_id, created_at, id)`);
    await queryRunner.query(
      `CREATE INDEX deliveries_finished_at ON deliveries (finished_at) WHERE finished_at IS NOT NULL`,
    );
    await queryRunner.query(`
      CREATE TABLE delivery_attempts (
        id uuid NOT NULL,
        at timestamptz NOT NULL,
        delivery_id uuid NOT NULL,
        subscription_id uuid NOT NULL,
        attempt integer NOT NULL,
        status_code integer,
        error text,
        duration_ms integer NOT NULL,
        response_excerpt text,
        CONSTRAINT delivery_attempts_pkey PRIMARY KEY (id, at)
      ) PARTITION BY RANGE (at)`);
    await queryRunner.query(`CREATE INDEX delivery_attempts_delivery_id ON delivery_attempts (delivery_id, at)`);
    await queryRunner.query(
      `CREATE INDEX delivery_attempts_subscription_id ON delivery_attempts (subscription_id, at)`,
    );
  }

  /** A delivery may die, be replayed and die again: each death is a row, of which one at most is still to be replayed. */
  private async createDeadLetters(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE dead_letters (
        id uuid NOT NULL,
        delivery_id uuid NOT NULL,
        event_id uuid NOT NULL,
        event_type text NOT NULL,
        subscription_id uuid NOT NULL,
        reason text NOT NULL,
        attempt_count integer NOT NULL,
        first_failed_at timestamptz,
        dead_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        replayed_at timestamptz,
        CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
        CONSTRAINT dead_letters_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES deliveries (id)
      )`);
    await queryRunner.query(
      `CREATE UNIQUE INDEX dead_letters_unreplayed ON dead_letters (delivery_id) WHERE replayed_at IS NULL`,
    );
    await queryRunner.query(`CREATE INDEX dead_letters_delivery_id ON dead_letters (delivery_id)`);
    await queryRunner.query(
      `CREATE INDEX dead_letters_dead_at_id ON dead_letters (dead_at, id) WHERE replayed_at IS NULL`,
    );
    await queryRunner.query(
      `CREATE INDEX dead_letters_subscription_id ON dead_letters (subscription_id, dead_at, id) WHERE replayed_at IS NULL`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of [
      'event_types',
      'dead_letters',
      'delivery_attempts',
      'deliveries',
      'subscription_health',
      'subscription_secrets',
      'subscription_registry',
      'subscriptions',
    ]) {
      await queryRunner.query(`DROP TABLE ${table}`);
    }
    await queryRunner.query(`DROP INDEX events_routed_at`);
    await queryRunner.query(`DROP INDEX events_unrouted_subject`);
    await queryRunner.query(`
      ALTER TABLE events
        DROP COLUMN only_subscription_id,
        DROP COLUMN publisher,
        DROP COLUMN envelope,
        DROP COLUMN seq`);
    // Gone with the column that owns it.
    await queryRunner.query(`DROP SEQUENCE IF EXISTS events_seq`);
  }
}
