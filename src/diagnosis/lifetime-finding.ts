import type { DataSource } from 'typeorm';
import { type Finding, ok, warn } from './finding.js';

/** Longest life of a token that administers, in seconds, that is no risk worth a word (security.md D4). */
const longestSeconds = 600;

/** Most clients that are named. */
const namedAtMost = 10;

/**
 * Clients with an admin scope whose tokens live long.
 *
 * @param defaultSeconds the lifetime of those that have none of their own
 */
export async function lifetimeFinding(dataSource: DataSource, defaultSeconds: number): Promise<Finding> {
  const check = 'token lifetimes';
  const rows = await dataSource.query<{ client_id: string }[]>(
    `SELECT client_id FROM clients
     WHERE status <> 'deleted' AND coalesce(access_token_ttl_seconds, $1) > $2
       AND EXISTS (SELECT 1 FROM unnest(scope) AS allowed WHERE allowed LIKE 'admin:%')
     ORDER BY client_id LIMIT $3`,
    [defaultSeconds, longestSeconds, namedAtMost + 1],
  );
  if (rows.length === 0) return ok(check, `tokens with an admin scope live for ${longestSeconds} s at most`);
  const names = rows.slice(0, namedAtMost).map(({ client_id: id }) => id);
  const others = rows.length > namedAtMost ? ' and others' : '';
  return warn(
    check,
    `tokens with an admin scope live for more than ${longestSeconds} s: ${names.join(', ')}${others}`,
    `Give these clients an access_token_ttl_seconds of ${longestSeconds} or less.`,
  );
}
