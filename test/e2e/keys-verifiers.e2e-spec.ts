/**
 * Tokens that are issued while the keys change, and the third-party verifiers that check them with the JWKS as they have it in
 * their caches. Hours pass by setting back the age of the caches and passing the time to the autopilot.
 */
import { createRemoteJWKSet, customFetch, type ExportedJWKSCache, jwksCache, jwtVerify } from 'jose';
import jwksRsa from 'jwks-rsa';
import { KeyAutopilot } from '../../src/keys/index.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const audience = 'https://api.example.com';
const path = '/admin/oauth/keys';
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

let one: TestServer;
let other: TestServer;
let client: Credentials;

beforeEach(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
  client = await one.createClient({ client_name: 'Orders', scope: 'read:profile', audience: [audience] });
});

afterEach(async () => {
  await other.stop();
  await one.stop();
});

/** Accepts, or says why not. */
type Verdict = string;

/** A resource server that verifies with jose. */
class Verifier {
  fetches = 0;
  private readonly cache: ExportedJWKSCache | Record<string, never> = {};

  /**
   * @param maxAge how long it believes a JWKS; what it says itself, unless given
   * @param patience how long after a JWKS it takes an unknown `kid` for unknown without asking again; jose's own, unless given
   */
  constructor(
    private readonly server: TestServer,
    private readonly maxAge = 5 * minute,
    private readonly patience = 30 * second,
  ) {}

  async verify(token: string): Promise<Verdict> {
    const keys = createRemoteJWKSet(new URL(jwksUri(this.server)), {
      cacheMaxAge: this.maxAge,
      cooldownDuration: this.patience,
      [jwksCache]: this.cache,
      [customFetch]: (url, options) => {
        this.fetches += 1;
        return fetch(url, options);
      },
    });
    return jwtVerify(token, keys, { issuer: one.issuer, audience, typ: 'at+jwt', algorithms: ['RS256'] }).then(
      () => 'accepted',
      (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
    );
  }

  /** Time passes. */
  age(ms: number): void {
    if ('uat' in this.cache) (this.cache as { uat: number }).uat -= ms;
  }
}

/** One that never asks before its cache has expired: the strictest that there can be. */
const strict = (server: TestServer, maxAge?: number) => new Verifier(server, maxAge, 365 * day);

function jwksUri(server: TestServer): string {
  return `http://127.0.0.1:${server.running.port}/.well-known/jwks.json`;
}

function kidOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
}

async function rotate(immediate: boolean): Promise<{ kid: string; activates_at: string }> {
  const response = await one.asAdmin('POST', `${path}/rotate`, { immediate });
  expect(response.status).toBe(200);
  return (await response.json()) as { kid: string; activates_at: string };
}

async function verdicts(verifiers: readonly Verifier[], token: string): Promise<Set<Verdict>> {
  return new Set(await Promise.all(verifiers.map((verifier) => verifier.verify(token))));
}

/** Asks both servers for tokens, and has each one checked at once by one verifier after the other, until it is stopped. */
class Load {
  readonly tokens: string[] = [];
  readonly faults: string[] = [];
  private running = true;
  private readonly workers: Promise<void>[];

  constructor(verifiers: readonly Verifier[]) {
    this.workers = [one, other].map(async (server, worker) => {
      for (let turn = worker; this.running; turn += 1) {
        const response = await server.requestToken(client);
        const { access_token: token } = (await response.json()) as { access_token?: string };
        if (token === undefined) {
          this.faults.push(`no token: ${response.status}`);
          continue;
        }
        this.tokens.push(token);
        const verdict = await verifiers[turn % verifiers.length]?.verify(token);
        if (verdict !== undefined && verdict !== 'accepted') this.faults.push(`${kidOf(token)}: ${verdict}`);
      }
    });
  }

  /** Resolves once both servers have issued more tokens. */
  async goOn(count = 6): Promise<void> {
    for (const enough = this.tokens.length + count; this.tokens.length < enough && this.faults.length === 0;) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
    expect(this.faults).toEqual([]);
  }
}

/** Lets time pass in steps, under load, with the autopilot now in one process, now in the other. */
async function pass(load: Load, verifiers: readonly Verifier[], from: number, to: number, step: number): Promise<void> {
  for (let now = from, turn = 0; now < to; turn += 1) {
    now = Math.min(to, now + step);
    for (const verifier of verifiers) verifier.age(step);
    await (turn % 2 === 0 ? one : other).running.app.get(KeyAutopilot).tend(now);
    await load.goOn();
  }
}

describe('tokens across a rotation', () => {
  it('by hand verify with every JWKS that is younger than its max-age', async () => {
    const verifiers = [one, other, one, other, one].map((server) => strict(server));
    const first = await one.tokenOf(client);
    for (const verifier of verifiers) {
      // Each has fetched it a minute before the next one.
      for (const earlier of verifiers.slice(0, verifiers.indexOf(verifier))) earlier.age(minute);
      expect(await verifier.verify(first)).toBe('accepted');
    }
    const load = new Load(verifiers);
    await load.goOn();
    const next = await rotate(false);
    const begin = Date.parse(next.activates_at);
    await pass(load, verifiers, begin - 15 * minute, begin - 1, minute);
    expect(new Set(load.tokens.map(kidOf))).toEqual(new Set([kidOf(first)]));
    await pass(load, verifiers, begin - 1, begin + 10 * minute, minute);
    await load.stop();
    expect(kidOf(load.tokens.at(-1) ?? '')).toBe(next.kid);
    expect(await verdicts(verifiers, first)).toEqual(new Set(['accepted']));
    expect(verifiers.every(({ fetches }) => fetches >= 4)).toBe(true);
  });

  it('of the autopilot verify also with a JWKS that is kept for ten hours', async () => {
    const verifiers = [strict(one), strict(other), strict(one, 10 * hour), strict(other, 10 * hour)];
    const first = await one.tokenOf(client);
    await verdicts(verifiers, first);
    const load = new Load(verifiers);
    const begin = Date.now() + 90 * day;
    await pass(load, verifiers, begin - day - 3 * hour, begin + 3 * hour, 90 * minute);
    await load.stop();
    expect(new Set(load.tokens.map(kidOf)).size).toBe(2);
    expect(await verdicts(verifiers, first)).toEqual(new Set(['accepted']));
  });

  it('at once verify with whoever asks again about an unknown kid; and with the others when their JWKS has expired', async () => {
    const curious = [new Verifier(one), new Verifier(other)];
    const patient = [strict(one), strict(other)];
    const rsa = jwksRsa({ jwksUri: jwksUri(one), cache: true });
    const first = await one.tokenOf(client);
    await verdicts([...curious, ...patient], first);
    await rsa.getSigningKey(kidOf(first));
    for (const verifier of [...curious, ...patient]) verifier.age(30 * second);

    const load = new Load([]);
    const { kid } = await rotate(true);
    await load.goOn();
    await load.stop();
    const token = load.tokens.at(-1) ?? '';
    expect(kidOf(token)).toBe(kid);
    expect(await verdicts(curious, token)).toEqual(new Set(['accepted']));
    expect((await rsa.getSigningKey(kid)).getPublicKey()).toContain('BEGIN PUBLIC KEY');
    expect(await verdicts(patient, token)).toEqual(new Set(['JWKSNoMatchingKey']));
    for (const verifier of patient) verifier.age(5 * minute);
    expect(await verdicts([...curious, ...patient], token)).toEqual(new Set(['accepted']));
    for (const old of load.tokens) expect(await verdicts(curious, old)).toEqual(new Set(['accepted']));
  });
});

describe('tokens across an emergency revocation', () => {
  it.each([
    ['with the next key published for long', true],
    ['with a new key', false],
  ])(
    'of the revoked key all fail once the max-age has passed, the others all verify; no request fails; %s',
    async (_, published) => {
      const curious = [new Verifier(one), new Verifier(other)];
      const patient = [strict(one), strict(other)];
      const verifiers = [...curious, ...patient];
      const first = await one.tokenOf(client);
      const kid = kidOf(first);
      if (published) await rotate(false);
      await verdicts(verifiers, first);

      const load = new Load([]);
      await load.goOn();
      const response = await one.asAdmin('POST', `${path}/${kid}/revoke`);
      expect(response.status).toBe(204);
      await load.goOn();
      await load.stop();

      // A verifier that has fetched the JWKS before is not reached by anything but its max-age.
      expect(await verdicts(patient, first)).toEqual(new Set(['accepted']));
      const dead = load.tokens.filter((token) => kidOf(token) === kid);
      const good = load.tokens.filter((token) => kidOf(token) !== kid);
      expect([dead.length > 0, good.length > 0]).toEqual([true, true]);
      if (published) expect(await verdicts(patient, good[0] ?? '')).toEqual(new Set(['accepted']));

      for (const verifier of verifiers) verifier.age(5 * minute);
      for (const token of [first, ...dead])
        expect(await verdicts(verifiers, token)).toEqual(new Set(['JWKSNoMatchingKey']));
      for (const token of good) expect(await verdicts(verifiers, token)).toEqual(new Set(['accepted']));
    },
  );
});
