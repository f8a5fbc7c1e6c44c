import type { DataSource } from 'typeorm';
import { duration } from './duration.js';
import { type Finding, info, ok, warn } from './finding.js';

/** Waiting that long, in milliseconds, nobody is at work; servers look several times a second. */
const suspiciousMs = 60_000;

/** Most dead letters that are counted. */
const countedAtMost = 10_000;

/** Events that wait to be routed. */
export async function eventFinding(dataSource: DataSource): Promise<Finding> {
  const [row] = await dataSource.query<{ count: string; age: number | null }[]>(`
    SELECT count(*)::text AS count, (extract(epoch FROM now() - min(created_at)) * 1000)::float8 AS age
    FROM events WHERE routed_at IS NULL`);
  if (row === undefined || row.age === null) return ok('events', 'none waits to be routed');
  const message = `${row.count} wait to be routed, the oldest for ${duration(row.age)}`;
  return row.age < suspiciousMs ? info('events', message) : warn('events', message, 'Is a server running?');
}

/** Deliveries that could be sent and are not. What is held – paused, or an open breaker – waits rightly. */
export async function deliveryFinding(dataSource: DataSource): Promise<Finding> {
  const [row] = await dataSource.query<{ age: number | null; open: number; dead: number }[]>(
    `SELECT (SELECT (extract(epoch FROM now() - min(first.due_at)) * 1000)::float8
        FROM subscriptions s JOIN subscription_health h ON h.subscription_id = s.id,
          LATERAL (SELECT min(due_at) AS due_at FROM deliveries d
            WHERE d.subscription_id = s.id AND d.status IN ('pending', 'retrying')) AS first
        WHERE s.deleted_at IS NULL AND s.delivery = 'push' AND s.status = 'active' AND h.breaker = 'closed'
          AND first.due_at <= now()) AS age,
      (SELECT count(*)::int4 FROM subscription_health WHERE breaker = 'open') AS open,
      (SELECT count(*)::int4 FROM (SELECT 1 FROM dead_letters WHERE replayed_at IS NULL LIMIT $1::int8) AS counted) AS dead`,
    [countedAtMost],
  );
  const { age, open, dead } = row ?? { age: null, open: 0, dead: 0 };
  if (age !== null && age >= suspiciousMs) {
    return warn(
      'deliveries',
      `the oldest that is due waits for ${duration(age)}`,
      'Is a server running, and its queue?',
    );
  }
  const noted = [
    ...(open === 0 ? [] : [`${open} endpoints fail and are given a rest`]),
    ...(dead === 0 ? [] : [`${dead === countedAtMost ? 'at least ' : ''}${dead} dead letters wait`]),
  ];
  return noted.length === 0
    ? ok('deliveries', 'none is late')
    : info('deliveries', noted.join('; '), 'signet events metrics, and signet events dead-letters list, say which.');
}
