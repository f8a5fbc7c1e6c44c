import type { DataSource } from 'typeorm';
import { partitionAt, type PartitionSpan } from '../database/index.js';
import { fail, type Finding, info, ok, warn } from './finding.js';

/** How far ahead partitions must be there: before that a server that runs has made them. */
const reserve: readonly (readonly [table: string, span: PartitionSpan, ahead: number])[] = [
  ['audit_log', 'month', 1],
  ['access_tokens', 'day', 2],
  ['delivery_attempts', 'day', 1],
];

/** Whether there is room for what is written now and soon. */
export async function partitionFinding(dataSource: DataSource, now: Date): Promise<Finding> {
  const missing: { readonly name: string; readonly offset: number }[] = [];
  for (const [table, span, ahead] of reserve) {
    for (let offset = 0; offset <= ahead; offset += 1) {
      const { name } = partitionAt(table, span, now, offset);
      const [row] = await dataSource.query<{ found: boolean }[]>('SELECT to_regclass($1) IS NOT NULL AS found', [name]);
      if (row?.found !== true) missing.push({ name, offset });
    }
  }
  if (missing.length === 0)
    return ok('partitions', 'those of the audit log, of tokens and of attempts are there ahead of time');
  const message = `missing: ${missing.map(({ name }) => name).join(', ')}`;
  const advice = 'Start the server, which makes them; if one is running, look in its log why its scheduled jobs fail.';
  const isNow = missing.some(({ offset }) => offset === 0);
  return isNow ? fail('partitions', message, advice) : warn('partitions', message, advice);
}

/** What the role of the server may do to the audit log, beside what triggers refuse. */
export async function auditRightsFinding(dataSource: DataSource): Promise<Finding> {
  const [row] = await dataSource.query<{ owns: boolean; rights: string[] }[]>(`
    SELECT r.rolsuper OR pg_has_role(c.relowner, 'USAGE') AS owns,
      ARRAY(SELECT p FROM unnest(ARRAY['INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
            WHERE has_table_privilege(c.oid, p)) AS rights
    FROM pg_class c, pg_roles r WHERE c.oid = 'audit_log'::regclass AND r.rolname = current_user`);
  const check = 'audit rights';
  if (row === undefined || row.owns) {
    return info(
      check,
      'the role of the server owns the audit log: only triggers and checkpoints keep it from changes',
      'Where roles can be separated, give the server one with INSERT and SELECT only (docs/audit.md).',
    );
  }
  const needless = row.rights.filter((right) => right !== 'INSERT' && right !== 'SELECT');
  if (needless.length > 0) {
    return warn(check, `the role of the server may also ${needless.join(', ')}`, 'REVOKE these rights on audit_log.');
  }
  const missing = ['INSERT', 'SELECT'].filter((right) => !row.rights.includes(right));
  if (missing.length > 0) {
    return fail(check, `the role of the server may not ${missing.join(', ')}`, 'GRANT these rights on audit_log.');
  }
  return ok(check, 'the role of the server may INSERT and SELECT, nothing else');
}
