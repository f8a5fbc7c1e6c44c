import { randomUUID } from 'node:crypto';
import type { Credentials } from '../support/server.js';
import type { ServerProcess } from '../support/server-process.js';
import { raceLimitMs, raceRounds as rounds, TwoProcesses } from '../support/two-processes.js';

/** A new client after so many rounds, so that none uses up its budget of failures. */
const roundsPerClient = 20;
/** Requests of the load that must have confirmed a change before the next one. */
const confirmations = 3;
const loadWorkers = 4;

let servers: TwoProcesses;
let one: ServerProcess;
let other: ServerProcess;

beforeAll(async () => {
  servers = await TwoProcesses.start();
  ({ one, other } = servers);
});

afterAll(() => servers?.stop());

/** What is asked for, and by whom. */
interface Question {
  readonly credentials: Credentials;
  readonly scope?: string;
}

/** How a question must be answered from now on. */
interface Expected extends Question {
  readonly status: number;
  readonly error?: string;
}

function requestToken(server: ServerProcess, { credentials, scope }: Question): Promise<Response> {
  return servers.requestToken(server, credentials, scope === undefined ? {} : { scope });
}

async function asAdmin(server: ServerProcess, method: string, path: string, body: unknown): Promise<Credentials> {
  const url = `/admin/oauth/clients${path}`;
  const response = await servers.asAdmin(server, method, url, body);
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Credentials;
}

/** Whether the server's own API takes the token. */
async function isLive(server: ServerProcess, token: string): Promise<boolean> {
  const response = await server.fetch('/admin/oauth/scopes?limit=1', { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  if (response.status !== 200 && response.status !== 401) throw new Error(`a token was answered ${response.status}`);
  return response.status === 200;
}

/**
 * Requests without a pause on one process. While nothing is settled any answer but a fault is right; a request that begins and
 * ends while an expectation stands must be answered as it says.
 */
class Load {
  /** Tokens that it was given since the last {@link takeTokens}. */
  private tokens: string[] = [];
  private standing: { readonly expected: readonly Expected[]; settled: boolean; readonly confirmed: number[] };
  private running = true;
  private readonly workers: Promise<void>[];
  private readonly faults: string[] = [];

  constructor(
    private readonly server: ServerProcess,
    expected: readonly Expected[],
  ) {
    this.standing = { expected, settled: true, confirmed: expected.map(() => 0) };
    this.workers = Array.from({ length: loadWorkers }, (_, worker) => this.work(worker));
  }

  /** A change is on its way: from now on either answer is right. */
  unsettle(): void {
    this.standing = { ...this.standing, settled: false };
  }

  /** The change was answered: every request that begins from now on is answered so. */
  async settle(expected: readonly Expected[]): Promise<void> {
    const standing = { expected, settled: true, confirmed: expected.map(() => 0) };
    this.standing = standing;
    while (this.faults.length === 0 && standing.confirmed.some((count) => count < confirmations)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (this.faults.length > 0) throw new Error(this.faults.join('\n'));
  }

  takeTokens(): string[] {
    const { tokens } = this;
    this.tokens = [];
    return tokens;
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
    expect(this.faults).toEqual([]);
  }

  private async work(worker: number): Promise<void> {
    for (let turn = worker; this.running && this.faults.length === 0; turn += 1) {
      try {
        await this.ask(turn);
      } catch (error) {
        this.faults.push(String(error));
      }
    }
  }

  private async ask(turn: number): Promise<void> {
    const { standing } = this;
    const index = turn % standing.expected.length;
    const expected = standing.expected[index]!;
    const response = await requestToken(this.server, expected);
    const body = (await response.json()) as { access_token?: string; error?: string };
    if (body.access_token !== undefined) this.tokens.push(body.access_token);
    if (standing.settled && this.standing === standing) {
      if (response.status !== expected.status || body.error !== expected.error) {
        this.faults.push(
          `expected ${expected.status} ${expected.error ?? 'token'}, got ${response.status} ${body.error ?? 'token'}`,
        );
      }
      standing.confirmed[index] = (standing.confirmed[index] ?? 0) + 1;
    } else if (response.status >= 402) {
      this.faults.push(`got ${response.status} ${body.error ?? ''}`);
    }
  }
}

const granted = (credentials: Credentials, scope?: string): Expected => ({
  credentials,
  status: 200,
  ...(scope === undefined ? {} : { scope }),
});
const refused = (credentials: Credentials): Expected => ({ credentials, status: 401, error: 'invalid_client' });
const outOfScope = (credentials: Credentials, scope: string): Expected => ({
  credentials,
  scope,
  status: 400,
  error: 'invalid_scope',
});

/** Runs `rounds` rounds, each on a client that exists for some of them, under load on the other process. */
async function race(round: (client: Credentials, load: Load) => Promise<Credentials>): Promise<void> {
  for (let done = 0; done < rounds;) {
    let client = await asAdmin(one, 'POST', '', {
      client_name: 'Racer',
      client_id: `racer-${randomUUID()}`,
      scope: 'admin:oauth read:profile',
    });
    const load = new Load(other, [granted(client)]);
    try {
      for (const end = Math.min(rounds, done + roundsPerClient); done < end; done += 1) {
        client = await round(client, load);
      }
    } finally {
      await load.stop();
    }
  }
}

describe(`two processes on one database, ${rounds} rounds under load`, () => {
  it(
    'Z-05: a client disabled on one is refused on the other from then on, its tokens are dead; enabled, it is back, they are not',
    () =>
      race(async (client, load) => {
        await load.settle([granted(client)]);
        load.unsettle();
        await asAdmin(one, 'PATCH', `/${client.client_id}`, { status: 'disabled' });
        await load.settle([refused(client)]);
        // The last ones: among them those that slipped out while the change was on its way.
        const dead = load.takeTokens().slice(-4);
        expect(dead.length).toBeGreaterThan(0);
        for (const token of dead)
          expect([await isLive(one, token), await isLive(other, token)]).toEqual([false, false]);

        load.unsettle();
        await asAdmin(one, 'PATCH', `/${client.client_id}`, { status: 'active' });
        await load.settle([granted(client)]);
        for (const token of dead)
          expect([await isLive(one, token), await isLive(other, token)]).toEqual([false, false]);
        const [live = ''] = load.takeTokens().slice(-1);
        expect([await isLive(one, live), await isLive(other, live)]).toEqual([true, true]);
        return client;
      }),
    raceLimitMs,
  );

  it(
    'Z-03: a secret replaced on one is refused on the other from then on, and the new one works',
    () =>
      race(async (client, load) => {
        await load.settle([granted(client)]);
        load.unsettle();
        const renewed = await asAdmin(one, 'POST', `/${client.client_id}/regenerate-secret`, { overlap_seconds: 0 });
        await load.settle([refused(client), granted(renewed)]);
        return renewed;
      }),
    raceLimitMs,
  );

  it(
    'a scope taken away on one is invalid on the other from then on, and given back it is granted',
    () =>
      race(async (client, load) => {
        await load.settle([granted(client, 'read:profile')]);
        load.unsettle();
        await asAdmin(one, 'PATCH', `/${client.client_id}`, { scope: 'admin:oauth' });
        await load.settle([outOfScope(client, 'read:profile'), granted(client)]);
        load.unsettle();
        await asAdmin(one, 'PATCH', `/${client.client_id}`, { scope: 'admin:oauth read:profile' });
        await load.settle([granted(client, 'read:profile')]);
        return client;
      }),
    raceLimitMs,
  );

  it('Z-05: a deleted client is refused on the other from then on, and its tokens are dead', async () => {
    for (let round = 0; round < Math.ceil(rounds / 10); round += 1) {
      const client = await asAdmin(one, 'POST', '', { client_name: 'Racer', scope: 'admin:oauth' });
      const load = new Load(other, [granted(client)]);
      await load.settle([granted(client)]);
      load.unsettle();
      const answer = await servers.asAdmin(one, 'DELETE', `/admin/oauth/clients/${client.client_id}`);
      expect(answer.status).toBe(204);
      await load.settle([refused(client)]);
      await load.stop();
      const dead = load.takeTokens().slice(-4);
      for (const token of dead) expect([await isLive(one, token), await isLive(other, token)]).toEqual([false, false]);
    }
  });
});
