import type { DataSource } from 'typeorm';
import { type Config, ConfigurationError } from '../config/index.js';
import { createDataSource } from '../database/index.js';
import { DataKeyEntity } from '../encryption/index.js';
import { SigningKeyEntity } from '../keys/index.js';
import { deliveryFinding, eventFinding } from './event-findings.js';
import { fail, type Finding } from './finding.js';
import { encryptionFinding, signingKeyFinding } from './key-findings.js';
import { lifetimeFinding } from './lifetime-finding.js';
import { clockFinding, migrationFinding, versionFinding } from './postgres-findings.js';
import { auditRightsFinding, partitionFinding } from './schema-findings.js';

type Check = readonly [name: string, look: () => Promise<Finding>];

/**
 * Looks at the database, and changes nothing.
 *
 * @throws Error when it cannot be connected to
 */
export async function diagnoseDatabase(config: Config, url: string): Promise<Finding[]> {
  const dataSource = await createDataSource(url, [DataKeyEntity, SigningKeyEntity]).initialize();
  try {
    const findings = await all([
      ['database', () => versionFinding(dataSource)],
      ['clock', () => clockFinding(dataSource)],
      ['migrations', () => migrationFinding(dataSource)],
    ]);
    if (!(await isMigrated(dataSource))) return findings;
    return [
      ...findings,
      ...(await all([
        ['key-encryption key', () => encryptionFinding(dataSource, config)],
        ['signing keys', () => signingKeyFinding(dataSource, config, Date.now())],
        ['token lifetimes', () => lifetimeFinding(dataSource, config.tokens.accessTokenTtlSeconds)],
        ['partitions', () => partitionFinding(dataSource, new Date())],
        ['audit rights', () => auditRightsFinding(dataSource)],
        ['events', () => eventFinding(dataSource)],
        ['deliveries', () => deliveryFinding(dataSource)],
      ])),
    ];
  } finally {
    await dataSource.destroy();
  }
}

async function all(checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, look] of checks) findings.push(await look().catch((error: unknown) => asFinding(name, error)));
  return findings;
}

/** A check that cannot be made is one that failed; why, without what the error may quote. */
function asFinding(name: string, error: unknown): Finding {
  if (error instanceof ConfigurationError) {
    return fail(name, error.faults.map(({ variable, message }) => `${variable}: ${message}`).join('; '));
  }
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return fail(name, `could not be checked${code}`, 'Check the rights of the role in DATABASE_URL.');
}

async function isMigrated(dataSource: DataSource): Promise<boolean> {
  const [row] = await dataSource.query<{ found: boolean }[]>(
    `SELECT to_regclass('signing_keys') IS NOT NULL AND to_regclass('audit_log') IS NOT NULL
       AND to_regclass('events') IS NOT NULL AS found`,
  );
  return row?.found === true;
}
