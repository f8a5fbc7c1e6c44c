import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Clients, their secrets (hashes only) and the marker of the one bootstrap.
 *
 * `version` grows with every write to a client or its secrets, `token_epoch` with every cut of its live tokens; a deleted
 * client stays as a tombstone so that its identifier can never be taken again.
 */
export class Clients1795219202000 implements MigrationInterface {
  name = 'Clients1795219202000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE clients (
        client_id text COLLATE "C" NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        token_epoch bigint NOT NULL DEFAULT 0,
        status text NOT NULL DEFAULT 'active',
        client_name text NOT NULL,
        description text NOT NULL DEFAULT '',
        grant_types text[] NOT NULL,
        token_endpoint_auth_method text NOT NULL,
        scope text[] NOT NULL,
        audience text[] NOT NULL,
        resource_identifiers text[] NOT NULL,
        access_token_ttl_seconds integer,
        refresh_token_ttl_seconds integer,
        jwks jsonb,
        jwks_uri text,
        dpop_bound_access_tokens boolean NOT NULL DEFAULT false,
        allowed_networks text[] NOT NULL,
        rate_limit_per_minute integer,
        contacts text[] NOT NULL,
        metadata jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        last_used_at timestamptz,
        CONSTRAINT clients_pkey PRIMARY KEY (client_id),
        CONSTRAINT clients_status_check CHECK (status IN ('active', 'disabled', 'deleted'))
      )`);
    await queryRunner.query(`CREATE INDEX clients_created_at_client_id ON clients (created_at, client_id)`);
    await queryRunner.query(`CREATE INDEX clients_scope ON clients USING gin (scope)`);
    await this.createSecrets(queryRunner);
    await queryRunner.query(`
      CREATE TABLE bootstrap (
        singleton boolean NOT NULL DEFAULT true,
        client_id text COLLATE "C" NOT NULL,
        done_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT bootstrap_pkey PRIMARY KEY (singleton),
        CONSTRAINT bootstrap_singleton_check CHECK (singleton)
      )`);
  }

  private async createSecrets(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE client_secrets (
        secret_id text COLLATE "C" NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        hash bytea NOT NULL,
        hint text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        last_used_at timestamptz,
        CONSTRAINT client_secrets_pkey PRIMARY KEY (secret_id),
        CONSTRAINT client_secrets_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients (client_id),
        CONSTRAINT client_secrets_hash_check CHECK (length(hash) = 32)
      )`);
    await queryRunner.query(`CREATE INDEX client_secrets_client_id ON client_secrets (client_id)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE bootstrap');
    await queryRunner.query('DROP TABLE client_secrets');
    await queryRunner.query('DROP TABLE clients');
  }
}
