/**
 * Two processes on one database that change the signing keys at the same moment, while tokens are asked for all the time.
 * `npm run test:races` runs 1,000 rounds.
 */
import { Client } from 'pg';
import { raceLimitMs, raceRounds, TwoProcesses } from '../support/two-processes.js';
import type { Credentials } from '../support/server.js';
import type { ServerProcess } from '../support/server-process.js';

const path = '/admin/oauth/keys';

let servers: TwoProcesses;
let database: Client;

beforeAll(async () => {
  // A key of this algorithm is made in a moment: the rounds are about the keys, not about making them.
  servers = await TwoProcesses.start({ SIGNING_ALG: 'ES256' });
  database = new Client({ connectionString: servers.database.url });
  await database.connect();
});

afterAll(async () => {
  await database?.end();
  await servers?.stop();
});

interface Row {
  kid: string;
  status: string;
}

async function keys(): Promise<Row[]> {
  return (await database.query<Row>('SELECT kid, status FROM signing_keys')).rows;
}

async function kidsWith(...statuses: string[]): Promise<string[]> {
  return (await keys()).filter(({ status }) => statuses.includes(status)).map(({ kid }) => kid);
}

async function jwks(server: ServerProcess): Promise<string[]> {
  const document = (await (await server.fetch('/.well-known/jwks.json')).json()) as { keys: Row[] };
  return document.keys.map(({ kid }) => kid);
}

async function change(server: ServerProcess, action: string, token: string, body: object = {}): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await server.fetch(`${path}/${action}`, { method: 'POST', headers, body: JSON.stringify(body) });
  await response.arrayBuffer();
  return response.status;
}

/** Asks both processes for tokens, one after the other, until it is stopped. */
class Load {
  readonly answers: number[] = [];
  private running = true;
  private readonly workers: Promise<void>[];

  constructor(client: Credentials) {
    this.workers = [servers.one, servers.other].map(async (server) => {
      while (this.running) {
        const response = await servers.requestToken(server, client);
        await response.arrayBuffer();
        this.answers.push(response.status);
      }
    });
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
  }
}

/** A token whose key stays out of the races: it signs no more, and nobody revokes it. */
async function lastingToken(): Promise<{ token: string; kid: string }> {
  const token = await servers.adminToken();
  const [kid = ''] = await kidsWith('active');
  expect(await change(servers.one, 'rotate', token, { immediate: true })).toBe(200);
  await database.query(`UPDATE signing_keys SET retiring_at = retiring_at - interval '1 minute' WHERE kid = $1`, [kid]);
  return { token, kid };
}

describe(`Z-07: two processes on one database, ${raceRounds} rounds`, () => {
  it(
    'rotate, rotate, rotate and revoke: one key signs, both processes agree, what is revoked stays so, no request for a token fails',
    async () => {
      const { token, kid: lasting } = await lastingToken();
      const client = await servers.createClient({ client_name: 'Racer', scope: 'read:profile' });
      const load = new Load(client);
      const revoked = new Set<string>();
      const count: Record<string, number> = {};
      try {
        for (let round = 0; round < raceRounds; round += 1) {
          const [signing = ''] = await kidsWith('active');
          const answers = await Promise.all([
            change(servers.at(round), 'rotate', token, { immediate: true }),
            change(servers.at(round + 1), 'rotate', token, { immediate: true }),
            change(servers.at(round), 'rotate', token),
            change(servers.at(round + 1), `${signing}/revoke`, token),
          ]);
          for (const status of answers) count[status] = (count[status] ?? 0) + 1;
          expect(answers.filter((status) => ![200, 204, 409].includes(status))).toEqual([]);
          expect(answers[3]).toBe(204);
          revoked.add(signing);
          for (const server of [servers.one, servers.other]) expect(await jwks(server)).not.toContain(signing);

          const rows = await keys();
          expect(rows.filter(({ status }) => status === 'active')).toHaveLength(1);
          expect(rows.filter(({ status }) => status === 'pending').length).toBeLessThanOrEqual(1);
          expect(rows.filter(({ kid, status }) => revoked.has(kid) && status !== 'revoked')).toEqual([]);
          const published = (await kidsWith('active', 'pending', 'retiring')).toSorted();
          expect(published.length).toBeLessThanOrEqual(4);
          for (const server of [servers.one, servers.other]) {
            for (let shown: string[] = []; shown.join() !== published.join();) shown = (await jwks(server)).toSorted();
          }

          // What is left over is revoked on both at once: once each.
          for (const kid of (await kidsWith('pending', 'retiring')).filter((kid) => kid !== lasting)) {
            const both = [servers.one, servers.other].map((server) => change(server, `${kid}/revoke`, token));
            expect((await Promise.all(both)).toSorted((a, b) => a - b)).toEqual([204, 409]);
            revoked.add(kid);
          }
        }
      } finally {
        await load.stop();
      }
      expect(load.answers.filter((status) => status !== 200)).toEqual([]);
      expect(load.answers.length).toBeGreaterThan(raceRounds);
      // Neither always first nor always last: the rounds were races.
      expect(count).toMatchObject({ 200: expect.any(Number) as number, 409: expect.any(Number) as number });

      const events = await database.query<{ type: string; count: string }>(
        `SELECT type, count(*) FROM events WHERE type = 'oauth.key.revoked' GROUP BY type`,
      );
      expect(Number(events.rows[0]?.count)).toBe(revoked.size);
      const entries = await database.query<{ count: string }>(
        `SELECT count(*) FROM audit_log WHERE action = 'key.revoked' AND success`,
      );
      expect(Number(entries.rows[0]?.count)).toBe(revoked.size);
    },
    raceLimitMs,
  );
});
