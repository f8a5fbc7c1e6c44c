import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Root key for derivations and the token signing keys; both hold ciphertext only. */
export class Keys1795219200000 implements MigrationInterface {
  name = 'Keys1795219200000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE data_keys (
        purpose text NOT NULL,
        kek_id text NOT NULL,
        wrapped bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT data_keys_pkey PRIMARY KEY (purpose)
      )`);
    await queryRunner.query(`
      CREATE TABLE signing_keys (
        kid text NOT NULL,
        alg text NOT NULL,
        status text NOT NULL,
        public_jwk jsonb NOT NULL,
        private_ciphertext bytea,
        wrapped_dek bytea,
        kek_id text,
        envelope_version smallint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        activated_at timestamptz,
        expires_at timestamptz,
        CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
        CONSTRAINT signing_keys_alg_check CHECK (alg IN ('RS256', 'ES256')),
        CONSTRAINT signing_keys_status_check CHECK (status IN ('pending', 'active', 'retiring', 'retired', 'revoked'))
      )`);
    await queryRunner.query(
      `CREATE UNIQUE INDEX signing_keys_one_active_per_alg ON signing_keys (alg) WHERE status = 'active'`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE signing_keys');
    await queryRunner.query('DROP TABLE data_keys');
  }
}
