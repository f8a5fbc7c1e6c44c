import { longestLeaseMs, recordWithinMs } from './leased-delivery.js';

/** Bytes of envelopes that are leased at once; the first event is, however large. */
export const leasedBytes = 512 * 1024;

/** Due rows of an ordered lane that are looked at together. */
export const scannedRows = 200;

/** As in the predicates of the indexes of open deliveries. */
const open = `status IN ('pending', 'retrying')`;

const eventColumns = `e.envelope, e.source_id AS "sourceId", e.source, e.type, e.subject, e.occurred_at AS "occurredAt", e.data`;

const leasedColumns = `l.id, l.event_id AS "eventId", l.event_type AS "eventType", l.attempt_count AS "attemptCount",
  l.attempts_before AS "attemptsBefore",
  greatest(0, extract(epoch FROM statement_timestamp() - e.created_at) * 1000)::float8 AS "ageMs", ${eventColumns}`;

/** A clock that is set back a little between two leases must not hide one from the other. */
const slackMs = 1_000;

/** Deliveries of the subscription whose request may be under way: of all lanes, whoever holds them. */
const underWay = `
  SELECT FROM deliveries o
  WHERE o.subscription_id = $1::uuid AND o.${open} AND o.lease_token IS NOT NULL
    AND o.due_at > statement_timestamp() + interval '${recordWithinMs} milliseconds'
    AND o.due_at <= statement_timestamp() + interval '${longestLeaseMs + slackMs} milliseconds'`;

/** Those that are due in any of these lanes. */
const dueIn = (urgent: string): string => `
  SELECT FROM unnest(${urgent}::text[]) AS u (lane), deliveries o
  WHERE o.subscription_id = $1::uuid AND o.lane = u.lane AND o.${open} AND o.due_at <= statement_timestamp()`;

/**
 * What the subscription may have in flight beyond what it has, without the places of more urgent lanes: a lane that is always full
 * would take again each place that it leaves.
 */
const freePlaces = (most: string, urgent: string): string => `(${most}::int4
    - (SELECT count(*) FROM (${underWay} LIMIT ${most}::int4) AS taken)
    - (SELECT count(*) FROM (${dueIn(urgent)} LIMIT ${most}::int4) AS reserved))::int4`;

/** Every lease writes the health, so that another one which began before sees that something has changed. */
const writeHealth = (condition: string): string => `
    UPDATE subscription_health h SET breaker = h.breaker WHERE h.subscription_id = $1::uuid AND ${condition}`;

/**
 * $1 subscription, $2 lane, $3 its version, $4 most rows, $5 lease token, $6 length of the lease in ms, $7 most bytes, $8 most in
 * flight, $9 lanes that are more urgent. Nothing for a subscription that has changed, is paused, deleted, or whose breaker is open.
 *
 * Places are counted as of the moment at which the statement began, and others may have taken some before it had the lock of the
 * health. They have written it then, so that it is not the row (`xmin`) that was seen: nothing is taken, and `missed` asks for
 * another try. `free` is how many places there were, null if nothing was due.
 */
export const leaseStatement = `
  WITH seen AS MATERIALIZED (
    SELECT h.xmin AS version, CASE WHEN EXISTS (
        SELECT FROM deliveries d
        WHERE d.subscription_id = $1::uuid AND d.lane = $2 AND d.${open} AND d.due_at <= statement_timestamp())
      THEN ${freePlaces('$8', '$9')} END AS free
    FROM subscriptions s JOIN subscription_health h ON h.subscription_id = s.id
    WHERE s.id = $1::uuid AND s.version = $3::int8 AND s.status = 'active' AND s.delivery = 'push'
      AND s.deleted_at IS NULL AND h.breaker = 'closed'
  ), health AS MATERIALIZED (
    SELECT h.subscription_id FROM subscription_health h
    WHERE h.subscription_id = $1::uuid AND h.xmin = (SELECT version FROM seen WHERE free > 0) FOR UPDATE
  ), due AS MATERIALIZED (
    SELECT d.id, d.event_id, d.due_at, d.seq FROM deliveries d
    WHERE d.subscription_id = $1::uuid AND d.lane = $2 AND d.${open} AND d.due_at <= statement_timestamp()
      AND EXISTS (SELECT FROM health)
    ORDER BY d.due_at, d.seq LIMIT (SELECT least($4::int4, free) FROM seen) FOR UPDATE SKIP LOCKED
  ), sized AS MATERIALIZED (
    SELECT due.id, row_number() OVER w AS place, sum(coalesce(octet_length(e.envelope), 0)) OVER w AS bytes
    FROM due JOIN events e ON e.id = due.event_id
    WINDOW w AS (ORDER BY due.due_at, due.seq, due.id)
  ), l AS (
    UPDATE deliveries d
    SET lease_token = $5::uuid, due_at = statement_timestamp() + $6::int4 * interval '1 millisecond'
    FROM sized WHERE d.id = sized.id AND (sized.place = 1 OR sized.bytes <= $7::int8)
    RETURNING d.id, d.event_id, d.event_type, d.attempt_count, d.attempts_before, d.seq
  ), written AS (${writeHealth('EXISTS (SELECT FROM l)')}
  )
  SELECT seen.free, seen.free > 0 AND NOT EXISTS (SELECT FROM health) AS missed, leased.*
  FROM seen LEFT JOIN (SELECT l.seq, ${leasedColumns} FROM l JOIN events e ON e.id = l.event_id) AS leased ON true
  ORDER BY leased.seq`;

/**
 * $1 subscription, $2 capacity of its bucket, $3 tokens per second. Locks the health of the subscription: whoever leases with
 * order, a rate or as a probe, and whoever records attempts, comes one after the other.
 */
export const lockStatement = `
  SELECT h.breaker, coalesce(h.probe_at <= statement_timestamp(), true) AS "probeDue", statement_timestamp()::text AS at,
    least($2::float8, coalesce(h.rate_level, $2::float8) + $3::float8 *
      greatest(0, extract(epoch FROM statement_timestamp() - coalesce(h.rate_at, statement_timestamp()))))::float8 AS tokens
  FROM subscription_health h WHERE h.subscription_id = $1::uuid FOR UPDATE`;

/**
 * $1 to $9 as {@link leaseStatement}, $10 whether order counts, $11 most rows to look at, $12 whether it is for a probe. Of each
 * ordering key only the first open delivery goes, and only when no event that is still to be routed may come before it; the others
 * are parked until the one before them is finished. One that was replayed while a later one of its key is on its way waits for
 * that: parked, it would never be called if the later one fails, which is parked behind it then. A probe waits for nobody's
 * schedule: whatever nobody holds will do, the first that is due before the others. `scanned` is how many rows were looked at,
 * `free` how many places there were.
 */
export const carefulLeaseStatement = `
  WITH room AS MATERIALIZED (
    SELECT ${freePlaces('$8', '$9')} AS free
  ), due AS MATERIALIZED (
    SELECT d.id, d.event_id, d.due_at, d.seq, d.ordering_key FROM deliveries d
    WHERE d.subscription_id = $1::uuid AND d.lane = $2 AND d.${open} AND d.due_at < 'infinity'
      AND d.due_at <= CASE WHEN $12::boolean THEN 'infinity' ELSE statement_timestamp() END
      AND (d.due_at <= statement_timestamp() OR d.lease_token IS NULL)
      AND EXISTS (
        SELECT FROM subscriptions s
        WHERE s.id = $1::uuid AND s.version = $3::int8 AND s.status = 'active' AND s.delivery = 'push' AND s.deleted_at IS NULL)
    ORDER BY d.due_at, d.seq LIMIT $11::int4 FOR UPDATE SKIP LOCKED
  ), judged AS MATERIALIZED (
    SELECT due.id, due.due_at, due.seq, coalesce(octet_length(e.envelope), 0) AS size,
      CASE
        WHEN NOT $10::boolean OR due.ordering_key IS NULL THEN 'go'
        WHEN EXISTS (
          SELECT FROM deliveries o
          WHERE o.subscription_id = $1::uuid AND o.ordering_key = due.ordering_key AND o.${open}
            AND o.seq <= due.seq AND (o.seq, o.id) < (due.seq, due.id)) THEN 'park'
        WHEN EXISTS (
          SELECT FROM deliveries o
          WHERE o.subscription_id = $1::uuid AND o.ordering_key = due.ordering_key AND o.${open} AND o.id <> due.id
            AND o.lease_token IS NOT NULL AND o.due_at > statement_timestamp()) THEN 'later'
        WHEN EXISTS (
          SELECT FROM events u
          WHERE u.routed_at IS NULL AND u.source = e.source AND u.subject = e.subject AND u.seq < due.seq) THEN 'later'
        ELSE 'go'
      END AS verdict
    FROM due JOIN events e ON e.id = due.event_id
  ), placed AS MATERIALIZED (
    SELECT id, verdict, row_number() OVER w AS place, sum(size) OVER w AS bytes FROM judged
    WINDOW w AS (PARTITION BY verdict ORDER BY due_at, seq, id)
  ), l AS (
    UPDATE deliveries d
    SET lease_token = CASE p.verdict WHEN 'go' THEN $5::uuid END,
      due_at = CASE p.verdict
        WHEN 'go' THEN statement_timestamp() + $6::int4 * interval '1 millisecond'
        WHEN 'park' THEN 'infinity'
        ELSE greatest(d.due_at, statement_timestamp() + interval '100 milliseconds') END
    FROM placed p
    WHERE d.id = p.id AND (p.verdict <> 'go' OR (p.place <= (SELECT least($4::int4, free) FROM room) AND (p.place = 1 OR p.bytes <= $7::int8)))
    RETURNING d.id, d.event_id, d.event_type, d.attempt_count, d.attempts_before, d.seq, p.verdict
  ), written AS (${writeHealth(`EXISTS (SELECT FROM l WHERE verdict = 'go')`)}
  )
  SELECT (SELECT count(*) FROM due)::int4 AS scanned, (SELECT free FROM room) AS free, leased.*
  FROM (SELECT 1) AS always LEFT JOIN (
    SELECT l.seq, ${leasedColumns} FROM l JOIN events e ON e.id = l.event_id WHERE l.verdict = 'go'
  ) AS leased ON true
  ORDER BY leased.seq`;

/** $1 subscription, $2 tokens left, $3 when they were counted. */
export const spendStatement = `
  UPDATE subscription_health SET rate_level = $2::float8, rate_at = $3::timestamptz WHERE subscription_id = $1::uuid`;

/** $1 subscription, $2 milliseconds for which nobody else probes. */
export const probingStatement = `
  UPDATE subscription_health SET probe_at = statement_timestamp() + $2::int4 * interval '1 millisecond'
  WHERE subscription_id = $1::uuid`;

/**
 * $1 subscription, $2 lane, $3 capacity of its bucket, $4 tokens per second: when the lane has something to do again. While the
 * breaker is open, whatever nobody holds may be the next probe, and counts as due.
 */
export const lookStatement = `
  SELECT s.version::text AS version, s.status = 'active' AND s.delivery = 'push' AND s.deleted_at IS NULL AS live,
    h.breaker = 'open' AS "breakerOpen",
    extract(epoch FROM h.probe_at - statement_timestamp())::float8 * 1000 AS "probeInMs",
    ceil(1000 * (1 - least($3::float8, coalesce(h.rate_level, $3::float8) + $4::float8 *
      greatest(0, extract(epoch FROM statement_timestamp() - coalesce(h.rate_at, statement_timestamp())))))
      / nullif($4::float8, 0))::float8 AS "tokenInMs",
    coalesce(
      (SELECT 0 FROM deliveries d
        WHERE h.breaker = 'open' AND d.subscription_id = s.id AND d.lane = $2 AND d.${open} AND d.due_at < 'infinity'
          AND d.lease_token IS NULL
        ORDER BY d.due_at LIMIT 1),
      (SELECT extract(epoch FROM d.due_at - statement_timestamp())::float8 * 1000 FROM deliveries d
        WHERE d.subscription_id = s.id AND d.lane = $2 AND d.${open} AND d.due_at < 'infinity'
        ORDER BY d.due_at LIMIT 1)) AS "dueInMs"
  FROM subscriptions s JOIN subscription_health h ON h.subscription_id = s.id
  WHERE s.id = $1::uuid`;

/** $1 deliveries, $2 their lease tokens, $3 milliseconds until they may be taken again. */
export const releaseStatement = `
  UPDATE deliveries d SET lease_token = NULL, due_at = statement_timestamp() + $3::int4 * interval '1 millisecond'
  FROM unnest($1::uuid[], $2::uuid[]) AS r (id, lease_token)
  WHERE d.id = r.id AND d.lease_token = r.lease_token AND d.${open}`;

/** $1 subscriptions, $2 their lease tokens: all that was taken with those is due again. Answers with the token of each. */
export const releaseDoubtfulStatement = `
  UPDATE deliveries d SET lease_token = NULL, due_at = statement_timestamp()
  FROM unnest($1::uuid[], $2::uuid[]) AS r (subscription_id, lease_token)
  WHERE d.subscription_id = r.subscription_id AND d.lease_token = r.lease_token AND d.${open}
  RETURNING r.lease_token AS token`;
