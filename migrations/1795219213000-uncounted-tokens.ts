import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Statistics count what was asked for at the token endpoint: tokens that the server mints for its own deliveries are not counted
 * when they are issued, so they must not be when they are revoked. Whoever asks at the endpoint has an address; these have none,
 * and name the server as their user agent.
 */
export class UncountedTokens1795219213000 implements MigrationInterface {
  name = 'UncountedTokens1795219213000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await this.replaceFunction(
      queryRunner,
      `AND NOT (ip_address IS NULL AND user_agent IS NOT DISTINCT FROM 'signet/event-delivery')`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await this.replaceFunction(queryRunner, '');
  }

  private async replaceFunction(queryRunner: QueryRunner, counted: string): Promise<void> {
    await queryRunner.query(`
      CREATE OR REPLACE FUNCTION count_revoked_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, revoked)
        SELECT client_id, client_epoch, kid, date_trunc('hour', issued_at, 'UTC'), expires_at, sum(change)
        FROM (
          SELECT n.*, 1 AS change FROM new_rows n WHERE revoked_at < expires_at ${counted}
          UNION ALL
          SELECT o.*, -1 FROM old_rows o WHERE revoked_at < expires_at ${counted}
        ) changes
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(change) <> 0;
        RETURN NULL;
      END $$`);
  }
}
