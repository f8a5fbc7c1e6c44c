// What a server has after years: rows by SQL, beside the running server, which counts and links them as its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { benchAudience, benchScope } from '../support/signet.mjs';

const step = 50_000;
const tokensPerBatch = 20;
const foldLimitMs = 15 * 60_000;

const insertClients = `
  INSERT INTO clients (client_id, client_name, grant_types, token_endpoint_auth_method, scope, audience, resource_identifiers,
    allowed_networks, contacts, metadata, created_at)
  SELECT 'growth-' || n, 'Growth ' || n, '{client_credentials}', 'client_secret_basic', $3::text[], $4::text[], '{}',
    '{}', '{}', '{}', now() - n * interval '1 minute'
  FROM generate_series($1::int, $2::int) n`;

const insertSecrets = `
  INSERT INTO client_secrets (secret_id, client_id, hash, hint)
  SELECT 'growth' || n, 'growth-' || n, sha256(('secret ' || n)::bytea), 'abcd' FROM generate_series($1::int, $2::int) n`;

/** Issued within the last hour, two hours valid. */
const insertTokens = `
  WITH issued AS (
    SELECT uuidv7(-age) AS jti, date_trunc('second', now() - age) AS at, 'growth-' || (1 + n % $3::int) AS client_id
    FROM (SELECT n, (n % 3600) * interval '1 second' AS age FROM generate_series($1::int, $2::int) n) numbers
  ), counted AS (
    INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, issued)
    SELECT client_id, 0, $4, date_trunc('hour', at, 'UTC'), at + interval '2 hours', count(*) FROM issued GROUP BY client_id, at
  )
  INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at, ip_address, user_agent)
  SELECT jti, at + interval '2 hours', sha256(jti::text::bytea), client_id, 0, $4, $5, $6::text[], at, '10.1.2.3', 'growth' FROM issued`;

/** Nine of ten are of issued tokens, in batches that the server links; the others are changes and refusals, without a link. */
const insertEntries = `
  WITH numbers AS (
    SELECT n, n % 10 = 0 AS single, n / $5::int AS batch, ($6::int - n) * interval '1 second' / 10 AS age
    FROM generate_series($1::int, $2::int) n
  ), batches AS MATERIALIZED (
    SELECT batch, uuidv7(-min(age)) AS id, count(*) FILTER (WHERE NOT single) AS entries FROM numbers GROUP BY batch
  ), waiting AS (
    INSERT INTO token_batches (id, entries, digest) SELECT id, entries, sha256(id::text::bytea) FROM batches
  ), entries AS (
    SELECT uuidv7(-age) AS id, greatest(now() - age, date_trunc('month', now(), 'UTC')) AS at, n, single, b.id AS batch_id
    FROM numbers JOIN batches b USING (batch)
  )
  INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, target_type, target_id, ip_address, user_agent,
    request_id, details, error, batch_id)
  SELECT id, at, CASE WHEN NOT single THEN 'token.issued' WHEN n % 20 = 0 THEN 'client.updated' ELSE 'token.denied' END,
    NOT single OR n % 20 = 0, 'growth-' || (1 + n % $3::int), CASE WHEN single THEN 'client' ELSE 'token' END,
    CASE WHEN single THEN 'growth-' || (1 + n % $3::int) ELSE id::text END, '10.1.2.3', 'growth', 'r-' || n,
    jsonb_build_object('grant_type', 'client_credentials', 'scope', $4::text),
    CASE WHEN single AND n % 20 <> 0 THEN 'invalid_client' END, CASE WHEN NOT single THEN batch_id END
  FROM entries`;

/**
 * Fills the database of a running server, and waits until the server has added everything up and taken it into its chain.
 *
 * @param {string} url of its PostgreSQL
 * @param {{ clients: number, busy: number, tokens: number, entries: number }} rows `busy`: how many of the clients got the tokens
 * @param {(line: string) => void} say
 */
export async function fill(url, { clients, busy, tokens, entries }, say) {
  const db = new Client({ connectionString: url });
  await db.connect();
  try {
    await db.query('SET statement_timeout = 0; SET synchronous_commit = off');
    const { rows } = await db.query(`SELECT kid FROM signing_keys WHERE status = 'active' LIMIT 1`);
    const scopes = benchScope.split(' ');
    await inSteps(clients, say, 'clients', async (from, to) => {
      await db.query(insertClients, [from, to, scopes, [benchAudience]]);
      await db.query(insertSecrets, [from, to]);
    });
    await inSteps(tokens, say, 'tokens', (from, to) =>
      db.query(insertTokens, [from, to, busy, rows[0].kid, benchScope, [benchAudience]]),
    );
    await inSteps(entries, say, 'audit entries', (from, to) =>
      db.query(insertEntries, [from, to, clients, benchScope, tokensPerBatch, entries]),
    );
    await settle(db, say);
    say('vacuum and analyse');
    await db.query('VACUUM ANALYZE');
    await db.query('CHECKPOINT');
  } finally {
    await db.end();
  }
}

async function inSteps(count, say, what, insert) {
  for (let from = 1; from <= count; from += step) {
    const to = Math.min(count, from + step - 1);
    await insert(from, to);
    say(`${to} ${what}`);
  }
}

/** What the server does by itself: statistics are added up every ten seconds, batches linked every second. */
async function settle(db, say) {
  const limit = performance.now() + foldLimitMs;
  for (;;) {
    const { rows } = await db.query(
      'SELECT (SELECT count(*)::int FROM token_count_changes) AS changes, (SELECT count(*)::int FROM token_batches) AS batches',
    );
    const [{ changes, batches }] = rows;
    say(`to be added up: ${changes} counts, ${batches} batches`);
    if (changes < 100 && batches < 10) return;
    if (performance.now() > limit) throw new Error('the server has not added up in time');
    await sleep(2_000);
  }
}
