/** Shared tokens while somebody revokes, disables, rotates secrets or takes the database away. */
import { decodeJwt } from 'jose';
import { openDatabaseProxy } from '../support/database-proxy.js';
import { expectOAuthError } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const rounds = Number(process.env['SIGNET_RACE_ROUNDS'] ?? 10);
const limitMs = 180_000 + rounds * 2_000;

/** What an old secret gets; many of them, the other. */
const refusals = [401, 429];

let one: TestServer;
let other: TestServer;

beforeAll(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
});

afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

function coalescing(): Promise<Credentials> {
  return one.createClient({ client_name: 'C', token_coalescing_seconds: 60 });
}

interface Asked {
  /** Whether the change had been answered when the request began. */
  readonly late: boolean;
  readonly status: number;
  readonly token: string | undefined;
}

/** Asks both servers all the time, before, while and after `change` is made on one of them. */
async function askedAround(client: Credentials, change: () => Promise<unknown>): Promise<Asked[]> {
  const asked: Asked[] = [];
  let late = false;
  let left = Infinity;
  const lanes = Array.from({ length: 6 }, async (_, lane) => {
    while (left > 0) {
      left -= 1;
      const began = late;
      const response = await (lane % 2 === 0 ? one : other).requestToken(client);
      const { access_token: token } = (await response.json()) as { access_token?: string };
      asked.push({ late: began, status: response.status, token });
    }
  });
  try {
    await change();
    late = true;
  } finally {
    left = 18;
    await Promise.all(lanes);
  }
  return asked;
}

it(
  `a token that was revoked is not given to any request that begins afterwards (${rounds} rounds)`,
  async () => {
    const client = await coalescing();
    for (let round = 0; round < rounds; round += 1) {
      const token = await one.tokenOf(client);
      const asked = await askedAround(client, async () => {
        const body = new URLSearchParams({ token });
        const headers = { authorization: basic(client) };
        const response = await other.fetch('/oauth/revoke', { method: 'POST', headers, body });
        expect(response.status).toBe(200);
      });
      expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 200));
      expect(asked.filter((one) => one.late && one.token === token)).toEqual([]);
    }
  },
  limitMs,
);

it(
  `Z-03: the old secret gets nothing once the new one was answered (${rounds} rounds)`,
  async () => {
    let client = await coalescing();
    for (let round = 0; round < rounds; round += 1) {
      const old = client;
      const asked = await askedAround(old, async () => {
        const path = `/admin/oauth/clients/${old.client_id}/regenerate-secret`;
        client = (await (await other.asAdmin('POST', path, {})).json()) as Credentials;
      });
      expect(asked.filter(({ late, status }) => late && !refusals.includes(status))).toEqual([]);
      expect(asked.filter(({ status }) => status !== 200 && !refusals.includes(status))).toEqual([]);
      expect((await one.requestToken(client)).status).toBe(200);
    }
  },
  limitMs,
);

it(
  `Z-05: a client that was disabled gets nothing, and what it got is not live (${rounds} rounds)`,
  async () => {
    const observer = await one.createClient({ client_name: 'O', scope: 'oauth:introspect' });
    const client = await coalescing();
    const path = `/admin/oauth/clients/${client.client_id}`;
    for (let round = 0; round < rounds; round += 1) {
      const asked = await askedAround(client, () => other.asAdmin('PATCH', path, { status: 'disabled' }));
      expect(asked.filter(({ late, status }) => late && !refusals.includes(status))).toEqual([]);
      for (const token of new Set(asked.flatMap((one) => one.token ?? []))) {
        const headers = { authorization: basic(observer) };
        const body = new URLSearchParams({ token });
        const response = await one.fetch('/oauth/introspect', { method: 'POST', headers, body });
        expect({ jti: decodeJwt(token).jti, ...((await response.json()) as object) }).toMatchObject({ active: false });
      }
      await one.asAdmin('PATCH', path, { status: 'active' });
    }
  },
  limitMs,
);

it('while the database is away, no token is given, shared or not', async () => {
  const client = await coalescing();
  const proxy = await openDatabaseProxy(one.database.url);
  const behind = await startServer({ beside: { ...one, database: { ...one.database, url: proxy.url } } });
  try {
    const token = await behind.tokenOf(client);
    expect(await behind.tokenOf(client)).toBe(token);
    for (const cut of [() => proxy.sever(), () => Promise.resolve(proxy.stall())]) {
      await cut();
      for (const response of await Promise.all([1, 2, 3].map(() => behind.requestToken(client)))) {
        await expectOAuthError(response, 503, 'temporarily_unavailable');
      }
      await proxy.restore();
    }
    expect((await behind.requestToken(client)).status).toBe(200);
  } finally {
    await proxy.restore();
    await behind.stop();
    await proxy.sever();
  }
}, 240_000);
