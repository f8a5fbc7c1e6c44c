/**
 * Two processes on one database, and one refresh token that many use at once, or that is ended meanwhile (security.md,
 * Z-01). What must hold is read from the tables after each round.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { answerOf, type RefreshAnswer, renewing, tokenIdOf } from '../support/refresh-tokens.js';
import { basic, type Credentials } from '../support/server.js';
import { raceRounds, TwoProcesses } from '../support/two-processes.js';

/** Fewer than of other races, unless asked for: each of these rounds is a hundred requests. */
const rounds = process.env['SIGNET_RACE_ROUNDS'] === undefined ? 6 : raceRounds;
const crowds = [2, 10, 50];
const limit = 180_000 + rounds * 5_000;
const clientsPath = '/admin/oauth/clients';

let servers: TwoProcesses;
let sql: Client;
let strict: Credentials;
let lenient: Credentials;

beforeAll(async () => {
  servers = await TwoProcesses.start();
  sql = new Client({ connectionString: servers.database.url });
  await sql.connect();
  strict = await newClient();
  lenient = await newClient({ refresh_token_grace_seconds: 60 });
});

afterAll(async () => {
  await sql?.end();
  await servers?.stop();
});

const newClient = (members: Record<string, unknown> = {}) =>
  servers.createClient({ client_name: 'Racer', scope: 'read:profile', ...renewing, ...members });

const begin = async (client: Credentials): Promise<RefreshAnswer> =>
  answerOf(await servers.requestToken(servers.one, client));

interface Outcome {
  readonly status: number;
  readonly error: string | undefined;
  readonly refreshToken: string | undefined;
}

async function refresh(at: number, client: Credentials, token: string): Promise<Outcome> {
  const form = { grant_type: 'refresh_token', refresh_token: token };
  const response = await servers.requestToken(servers.at(at), client, form);
  const body = (await response.json()) as { error?: string; refresh_token?: string };
  return { status: response.status, error: body.error, refreshToken: body.refresh_token };
}

/** As many uses of one token at once, half of them on each process; every answer is a token or `invalid_grant`. */
async function crowd(size: number, client: Credentials, token: string): Promise<readonly Outcome[]> {
  const outcomes = await Promise.all(Array.from({ length: size }, (_, at) => refresh(at, client, token)));
  const faults = outcomes.filter(
    ({ status, error }) => status !== 200 && !(status === 400 && error === 'invalid_grant'),
  );
  expect(faults).toEqual([]);
  return outcomes.filter(({ status }) => status === 200);
}

/** What the tables hold of the family of a token. */
async function familyOf(token: string) {
  const { rows } = await sql.query<{
    revoked: boolean;
    generations: number[];
    unused: number;
    accessTokens: number;
    live: number;
    reported: number;
  }>(
    `SELECT f.revoked_at IS NOT NULL AS revoked,
       (SELECT array_agg(generation ORDER BY generation) FROM refresh_tokens WHERE family_id = f.id) AS generations,
       (SELECT count(*)::int FROM refresh_tokens WHERE family_id = f.id AND used_at IS NULL) AS unused,
       (SELECT count(*)::int FROM refresh_family_tokens WHERE family_id = f.id) AS "accessTokens",
       (SELECT count(*)::int FROM refresh_family_tokens i JOIN access_tokens a USING (jti, expires_at)
        JOIN clients c ON c.client_id = a.client_id AND c.token_epoch = a.client_epoch
        WHERE i.family_id = f.id AND a.revoked_at IS NULL) AS live,
       (SELECT count(*)::int FROM audit_log WHERE action = 'token.reused' AND target_id = f.id::text) AS reported
     FROM refresh_families f JOIN refresh_tokens t ON t.family_id = f.id WHERE t.token_id = $1`,
    [tokenIdOf(token)],
  );
  return rows[0]!;
}

describe(`${rounds} rounds each`, () => {
  it.each(crowds)(
    'R-03: of %i at once at most one gets a token, and the family ends dead',
    async (size) => {
      for (let round = 0; round < rounds; round += 1) {
        const begun = await begin(strict);
        const winners = await crowd(size, strict, begun.refresh_token);
        expect(winners).toHaveLength(1);
        expect(await familyOf(begun.refresh_token)).toEqual({
          revoked: true,
          generations: [0, 1],
          unused: 1,
          accessTokens: 2,
          live: 0,
          reported: 1,
        });
        expect(await refresh(round, strict, winners[0]?.refreshToken ?? '')).toMatchObject({ error: 'invalid_grant' });
      }
    },
    limit,
  );

  it.each(crowds)(
    'R-03: with a grace all of %i get the same successor, and the family goes on',
    async (size) => {
      for (let round = 0; round < rounds; round += 1) {
        const begun = await begin(lenient);
        const winners = await crowd(size, lenient, begun.refresh_token);
        expect(winners).toHaveLength(size);
        const successors = new Set(winners.map(({ refreshToken }) => refreshToken));
        expect(successors.size).toBe(1);
        const family = { revoked: false, generations: [0, 1], unused: 1, accessTokens: size + 1, live: size + 1 };
        expect(await familyOf(begun.refresh_token)).toEqual({ ...family, reported: 0 });
        const [successor = ''] = successors;
        expect(await refresh(round, lenient, successor)).toMatchObject({ status: 200 });
      }
    },
    limit,
  );

  it(
    'with a grace, a crowd on a token and a crowd on its successor at once never fork the family',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const begun = await begin(lenient);
        const { refreshToken: next = '' } = await refresh(0, lenient, begun.refresh_token);
        const [, later] = await Promise.all([crowd(5, lenient, begun.refresh_token), crowd(5, lenient, next)]);
        const { revoked, generations, unused, live } = await familyOf(begun.refresh_token);
        expect({ generations, unused }).toEqual(
          later.length === 0 ? { generations: [0, 1], unused: 1 } : { generations: [0, 1, 2], unused: 1 },
        );
        expect(new Set(later.map(({ refreshToken }) => refreshToken)).size).toBeLessThanOrEqual(1);
        if (revoked) expect(live).toBe(0);
      }
    },
    limit,
  );

  async function revoke(client: Credentials, token: string): Promise<void> {
    const headers = { authorization: basic(client) };
    const response = await servers.post(servers.other, '/oauth/revoke', { token }, headers);
    expect([response.status, await response.text()]).toEqual([200, '']);
  }

  async function asAdmin(method: string, path: string, body: unknown): Promise<void> {
    const response = await servers.asAdmin(servers.other, method, `${clientsPath}/${path}`, body);
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  }

  async function disable({ client_id }: Credentials): Promise<void> {
    await asAdmin('PATCH', client_id, { status: 'disabled' });
    await asAdmin('PATCH', client_id, { status: 'active' });
  }

  const grace = { refresh_token_grace_seconds: 60 };

  it.each<[string, object, (client: Credentials, token: string) => Promise<void>]>([
    ['revoked by its client', {}, revoke],
    ['revoked by its client, with a grace', grace, revoke],
    ['ended by revoke-tokens', grace, ({ client_id }) => asAdmin('POST', `${client_id}/revoke-tokens`, {})],
    ['ended by disabling the client', grace, disable],
  ])(
    'R-13: a family that is %s while 50 refresh is dead from the answer on, however the race ended',
    async (_, members, end) => {
      for (let round = 0; round < rounds; round += 1) {
        // A new one each time: those that are told that it is disabled use up its budget of failures.
        const client = await newClient({ ...members });
        const { refresh_token: token } = await begin(client);
        const uses = Promise.all(Array.from({ length: 50 }, (__, at) => refresh(at, client, token)));
        await sleep(round % 20);
        await end(client, token);
        expect(await familyOf(token)).toMatchObject({ live: 0 });
        const outcomes = await uses;
        expect(outcomes.filter(({ status }) => ![200, 400, 401, 429].includes(status))).toEqual([]);
        expect(await familyOf(token)).toMatchObject({ live: 0 });
        const given = new Set(outcomes.map(({ refreshToken }) => refreshToken ?? token));
        expect(given.size).toBeLessThanOrEqual(2);
        for (const each of given) {
          expect(await refresh(round, client, each)).toMatchObject({ status: 400, error: 'invalid_grant' });
        }
      }
    },
    limit,
  );
});
