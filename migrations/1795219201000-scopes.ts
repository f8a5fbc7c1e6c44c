import type { MigrationInterface, QueryRunner } from 'typeorm';

const seed: readonly (readonly [name: string, description: string])[] = [
  ['admin:oauth', 'Manage OAuth clients, scopes, keys and tokens, and read the audit log'],
  ['admin:users', 'Manage users'],
  ['admin:system', 'Read metrics and manage the system'],
  ['admin:events', 'Manage event subscriptions, deliveries and dead letters'],
  ['admin:full', 'Everything an administrator may do'],
  ['read:profile', 'Read profiles'],
  ['read:features', 'Read features'],
  ['read:groups', 'Read groups'],
  ['manage:*', 'Manage every resource that has a registered manage: scope'],
  ['events:publish', 'Publish events'],
  ['state:read', 'Read synchronised state'],
  ['state:write', 'Write synchronised state'],
  ['oauth:introspect', 'Introspect any token'],
];

/** The registry of scope names, and the version that caches compare at commit. */
export class Scopes1795219201000 implements MigrationInterface {
  name = 'Scopes1795219201000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE scopes (
        name text COLLATE "C" NOT NULL,
        description text NOT NULL DEFAULT '',
        built_in boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT scopes_pkey PRIMARY KEY (name)
      )`);
    await queryRunner.query(`CREATE INDEX scopes_created_at_name ON scopes (created_at, name)`);
    await queryRunner.query(`
      CREATE TABLE scope_registry (
        singleton boolean NOT NULL DEFAULT true,
        version bigint NOT NULL,
        CONSTRAINT scope_registry_pkey PRIMARY KEY (singleton),
        CONSTRAINT scope_registry_singleton_check CHECK (singleton)
      )`);
    await queryRunner.query('INSERT INTO scope_registry (version) VALUES (1)');
    await queryRunner.query(
      `INSERT INTO scopes (name, description, built_in) SELECT name, description, true FROM unnest($1::text[], $2::text[]) AS s(name, description)`,
      [seed.map(([name]) => name), seed.map(([, description]) => description)],
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE scope_registry');
    await queryRunner.query('DROP TABLE scopes');
  }
}
