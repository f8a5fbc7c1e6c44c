import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One row per issued access token, partitioned by the day of its expiry so that cleaning up is dropping a partition. */
export class AccessTokens1795219204000 implements MigrationInterface {
  name = 'AccessTokens1795219204000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE access_tokens (
        jti uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        token_hash bytea NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        client_epoch bigint NOT NULL,
        kid text NOT NULL,
        scope text NOT NULL,
        aud text[] NOT NULL,
        issued_at timestamptz NOT NULL,
        ip_address inet,
        user_agent text,
        revoked_at timestamptz,
        revoked_reason text,
        CONSTRAINT access_tokens_pkey PRIMARY KEY (jti, expires_at)
      ) PARTITION BY RANGE (expires_at)`);
    await queryRunner.query(`CREATE INDEX access_tokens_client_id_jti ON access_tokens (client_id, jti)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE access_tokens');
  }
}
