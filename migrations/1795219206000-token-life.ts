import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What ends a token before its time, and what renews it: cuts of a client's tokens, refresh tokens in families, and the
 * identifiers of assertions and proofs that were used.
 *
 * Every step is safe on a live database: columns are added without a rewrite, and the tables are new.
 */
export class TokenLife1795219206000 implements MigrationInterface {
  name = 'TokenLife1795219206000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE client_token_cuts (
        client_id text COLLATE "C" NOT NULL,
        client_epoch bigint NOT NULL,
        cut_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        reason text NOT NULL,
        CONSTRAINT client_token_cuts_pkey PRIMARY KEY (client_id, client_epoch),
        CONSTRAINT client_token_cuts_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients (client_id)
      )`);
    await this.extendClients(queryRunner);
    await this.createRefreshTokens(queryRunner);
    await queryRunner.query(`
      CREATE TABLE single_use (
        purpose text NOT NULL,
        owner text COLLATE "C" NOT NULL,
        hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT single_use_pkey PRIMARY KEY (purpose, owner, hash),
        CONSTRAINT single_use_hash_check CHECK (length(hash) = 32)
      )`);
    await queryRunner.query('CREATE INDEX single_use_expires_at ON single_use (expires_at)');
  }

  private async extendClients(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE clients
        ADD COLUMN refresh_token_grace_seconds integer,
        ADD COLUMN tls_client_auth_subject_dn text,
        ADD COLUMN tls_client_auth_san_dns text,
        ADD COLUMN tls_client_auth_san_uri text,
        ADD COLUMN tls_client_auth_san_ip text,
        ADD COLUMN tls_client_auth_san_email text,
        ADD COLUMN tls_client_certificate_bound_access_tokens boolean NOT NULL DEFAULT false`);
  }

  private async createRefreshTokens(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE refresh_families (
        id uuid NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        client_epoch bigint NOT NULL,
        scope text[] NOT NULL,
        audience text[] NOT NULL,
        jkt text,
        certificate_thumbprint text,
        generation integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        revoked_reason text,
        CONSTRAINT refresh_families_pkey PRIMARY KEY (id),
        CONSTRAINT refresh_families_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients (client_id)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query('CREATE INDEX refresh_families_client_id ON refresh_families (client_id)');
    await queryRunner.query('CREATE INDEX refresh_families_expires_at ON refresh_families (expires_at)');
    await queryRunner.query(`
      CREATE TABLE refresh_tokens (
        token_id text COLLATE "C" NOT NULL,
        family_id uuid NOT NULL,
        generation integer NOT NULL,
        hash bytea NOT NULL,
        salt bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_id),
        CONSTRAINT refresh_tokens_family_id_generation_key UNIQUE (family_id, generation),
        CONSTRAINT refresh_tokens_family_id_fkey FOREIGN KEY (family_id) REFERENCES refresh_families (id) ON DELETE CASCADE,
        CONSTRAINT refresh_tokens_hash_check CHECK (length(hash) = 32)
      ) WITH (fillfactor = 80)`);
    await queryRunner.query(`
      CREATE TABLE refresh_family_tokens (
        family_id uuid NOT NULL,
        jti uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT refresh_family_tokens_pkey PRIMARY KEY (family_id, jti),
        CONSTRAINT refresh_family_tokens_family_id_fkey FOREIGN KEY (family_id)
          REFERENCES refresh_families (id) ON DELETE CASCADE
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE single_use');
    await queryRunner.query('DROP TABLE refresh_family_tokens');
    await queryRunner.query('DROP TABLE refresh_tokens');
    await queryRunner.query('DROP TABLE refresh_families');
    await queryRunner.query(`
      ALTER TABLE clients
        DROP COLUMN tls_client_certificate_bound_access_tokens,
        DROP COLUMN tls_client_auth_san_email,
        DROP COLUMN tls_client_auth_san_ip,
        DROP COLUMN tls_client_auth_san_uri,
        DROP COLUMN tls_client_auth_san_dns,
        DROP COLUMN tls_client_auth_subject_dn,
        DROP COLUMN refresh_token_grace_seconds`);
    await queryRunner.query('DROP TABLE client_token_cuts');
  }
}
