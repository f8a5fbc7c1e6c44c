/** As in the predicates of the indexes of open deliveries. */
const open = `status IN ('pending', 'retrying')`;

/** Failures in a row that open the breaker, and the longest time between two probes (http-api.md "Fine print"). */
const opensAfter = 10;
const longestProbeDelay = 30;

// The row is read by the update itself: whatever was read before it may be older than the lock.
const failures = `(t.trailing + CASE WHEN t.succeeded = 0 THEN h.consecutive_failures ELSE 0 END)`;
const opens = `${failures} >= ${opensAfter}`;
const staysOpen = `(h.breaker = 'open' AND t.succeeded = 0)`;
const doubled = `least(${longestProbeDelay}, coalesce(h.probe_delay_seconds, 1) * 2)`;

/** The endpoint has asked for longer than the next interval: it gets that, as far as probes may wait at all. */
const probeAfter = (seconds: string): string =>
  `statement_timestamp() + greatest(${seconds}, t.asked) * interval '1 second'`;

/** $1 subscription: whoever records for it comes one after the other. */
export const lockHealthStatement = `SELECT FROM subscription_health WHERE subscription_id = $1::uuid FOR UPDATE`;

/**
 * Records what came of attempts, and nothing of those whose lease is no longer theirs. $1 subscription; then one array per column,
 * an element per attempt in the order in which they ended: $2 delivery, $3 lease token, $4 id of the attempt, $5 id of a dead
 * letter, $6 succeeded, $7 probe, $8 new status or null, $9 ms to the next attempt or null, $10 counted, $11 spared, $12 status
 * code, $13 error, $14 excerpt, $15 its number, $16 its duration in ms, $17 ms since it began, $18 seconds that the receiver asked
 * for or null.
 *
 * The health is locked before any delivery, as everywhere. A success closes the breaker, or keeps it closed; the failures after
 * it add up. Answers with the deliveries that were recorded, and with whether a breaker has closed that held others.
 */
export const recordStatement = `
  WITH health AS MATERIALIZED (
    SELECT subscription_id FROM subscription_health WHERE subscription_id = $1::uuid FOR UPDATE
  ), result AS MATERIALIZED (
    SELECT r.* FROM health, unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::boolean[], $7::boolean[], $8::text[],
      $9::int4[], $10::boolean[], $11::boolean[], $12::int4[], $13::text[], $14::text[], $15::int4[], $16::int4[], $17::int4[],
      $18::float8[])
      WITH ORDINALITY AS r (id, lease_token, attempt_id, letter_id, succeeded, probe, status, delay, counted, spared, status_code,
        error, excerpt, attempt, duration, since, retry_after, place)
  ), done AS (
    UPDATE deliveries d
    SET status = coalesce(r.status, d.status),
      attempt_count = d.attempt_count + r.counted::int4,
      attempts_before = d.attempts_before + r.spared::int4,
      due_at = statement_timestamp() + coalesce(r.delay, 0) * interval '1 millisecond',
      next_attempt_at = statement_timestamp() + r.delay * interval '1 millisecond',
      lease_token = NULL,
      first_failed_at = CASE WHEN r.succeeded THEN d.first_failed_at
        ELSE coalesce(d.first_failed_at, statement_timestamp()) END,
      last_status_code = r.status_code,
      last_error = r.error,
      updated_at = statement_timestamp(),
      finished_at = CASE WHEN r.status IN ('succeeded', 'dead') THEN statement_timestamp() END
    FROM result r
    WHERE d.id = r.id AND d.lease_token = r.lease_token AND d.subscription_id = $1::uuid AND d.${open}
    RETURNING d.id AS delivery_id, d.event_id, d.event_type, d.status AS now, d.attempt_count, d.first_failed_at,
      r.attempt_id, r.letter_id, r.succeeded, r.probe, r.status_code, r.error, r.excerpt, r.attempt, r.duration, r.since,
      CASE WHEN r.retry_after > ${longestProbeDelay} THEN ${longestProbeDelay} ELSE r.retry_after END AS asked, r.place
  ), attempts AS (
    INSERT INTO delivery_attempts
      (id, at, delivery_id, subscription_id, attempt, status_code, error, duration_ms, response_excerpt)
    SELECT attempt_id, statement_timestamp() - since * interval '1 millisecond', delivery_id, $1::uuid, attempt, status_code,
      error, duration, excerpt
    FROM done
  ), letters AS (
    INSERT INTO dead_letters (id, delivery_id, event_id, event_type, subscription_id, reason, attempt_count, first_failed_at)
    SELECT letter_id, delivery_id, event_id, event_type, $1::uuid, 'attempts_exhausted', attempt_count, first_failed_at
    FROM done WHERE now = 'dead'
  ), tally AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE succeeded) AS succeeded, count(*) FILTER (WHERE NOT succeeded) AS failed,
      count(*) FILTER (WHERE now = 'dead') AS dead, coalesce(bool_or(probe AND NOT succeeded), false) AS probe_failed,
      (array_agg(asked ORDER BY place DESC) FILTER (WHERE NOT succeeded))[1] AS asked,
      count(*) FILTER (WHERE NOT succeeded AND place > (SELECT coalesce(max(place), 0) FROM done WHERE succeeded)) AS trailing
    FROM done
  ), health_after AS (
    UPDATE subscription_health h
    SET succeeded = h.succeeded + t.succeeded,
      dead = h.dead + t.dead,
      attempts_succeeded = h.attempts_succeeded + t.succeeded,
      attempts_failed = h.attempts_failed + t.failed,
      consecutive_failures = ${failures},
      breaker = CASE WHEN ${staysOpen} OR ${opens} THEN 'open' ELSE 'closed' END,
      opened_at = CASE WHEN ${staysOpen} THEN h.opened_at WHEN ${opens} THEN statement_timestamp() END,
      probe_delay_seconds = CASE
        WHEN ${staysOpen} AND t.probe_failed THEN ${doubled}
        WHEN ${staysOpen} THEN h.probe_delay_seconds
        WHEN ${opens} THEN 1 END,
      probe_at = CASE
        WHEN ${staysOpen} AND t.probe_failed THEN ${probeAfter(doubled)}
        WHEN ${staysOpen} THEN h.probe_at
        WHEN ${opens} THEN ${probeAfter('1')}
        WHEN h.breaker = 'open' THEN clock_timestamp()
        ELSE h.probe_at END
    FROM tally t
    WHERE h.subscription_id = $1::uuid
    RETURNING h.breaker = 'closed' AND h.probe_at IS NOT NULL AS flows
  )
  SELECT place::int4 AS place, flows FROM done, health_after`;

/**
 * $1 subscription, $2 deliveries that are finished: of each of their ordering keys the next open one is due, if it was parked.
 * Answers with the lanes of those.
 */
export const promoteStatement = `
  WITH keys AS MATERIALIZED (
    SELECT DISTINCT ordering_key FROM deliveries WHERE id = ANY ($2::uuid[]) AND ordering_key IS NOT NULL
  ), next AS MATERIALIZED (
    SELECT n.id FROM keys CROSS JOIN LATERAL (
      SELECT o.id FROM deliveries o
      WHERE o.subscription_id = $1::uuid AND o.ordering_key = keys.ordering_key AND o.${open}
      ORDER BY o.seq, o.id LIMIT 1
    ) AS n
  )
  UPDATE deliveries d SET due_at = statement_timestamp() FROM next
  WHERE d.id = next.id AND d.due_at = 'infinity' AND d.${open}
  RETURNING d.lane`;
