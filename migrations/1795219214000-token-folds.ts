import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A number that says whether the counters by client were written since they were last read: raised by whoever writes them. */
export class TokenFolds1795219214000 implements MigrationInterface {
  name = 'TokenFolds1795219214000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE token_folds (
        id boolean NOT NULL DEFAULT true,
        version bigint NOT NULL DEFAULT 1,
        CONSTRAINT token_folds_pkey PRIMARY KEY (id),
        CONSTRAINT token_folds_id_check CHECK (id)
      )`);
    await queryRunner.query(`INSERT INTO token_folds (id) VALUES (true)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE token_folds');
  }
}
