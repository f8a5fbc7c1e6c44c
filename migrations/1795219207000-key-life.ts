import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a pending key may begin to sign, and when a key was revoked. At most one key of an algorithm is pending. */
export class KeyLife1795219207000 implements MigrationInterface {
  name = 'KeyLife1795219207000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE signing_keys
        ADD COLUMN activates_at timestamptz,
        ADD COLUMN retiring_at timestamptz,
        ADD COLUMN revoked_at timestamptz`);
    await queryRunner.query(
      `CREATE UNIQUE INDEX signing_keys_one_pending_per_alg ON signing_keys (alg) WHERE status = 'pending'`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX signing_keys_one_pending_per_alg');
    await queryRunner.query(`
      ALTER TABLE signing_keys
        DROP COLUMN revoked_at,
        DROP COLUMN retiring_at,
        DROP COLUMN activates_at`);
  }
}
