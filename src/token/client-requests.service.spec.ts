import type { Audit, AuditRefusal } from '../audit/index.js';
import type { ClientCertificates } from '../binding/index.js';
import type { ClientAuthenticator, ClientSnapshot, ClientSnapshots, ClientUsage } from '../clients/index.js';
import { Clock } from '../clock/index.js';
import type { ServerConfig } from '../config/index.js';
import type { Limits } from '../limits/index.js';
import { OAuthError, temporarilyUnavailable } from '../protocol/index.js';
import type { SingleUse } from '../replay/index.js';
import type { RegisteredScopes, ScopeRegistry } from '../scopes/index.js';
import type { RefusalCounts } from '../statistics/index.js';
import { type ClientRequest, ClientRequests, type ClientView } from './client-requests.service.js';

class FixedClock extends Clock {
  now(): number {
    return 0;
  }
}

const request: ClientRequest = {
  action: 'token.denied',
  credentials: { method: 'client_secret_basic', clientId: 'billing', clientSecret: 's' },
  origin: { ipAddress: '192.0.2.1', userAgent: undefined, requestId: 'r' },
  certificate: undefined,
  dpop: undefined,
};

/** The client and the registry as this process remembers them, and as they are. */
let remembered: { client: string | undefined; registry: string };
let current: { client: string | undefined; registry: string };
/** The version of the client in which the secret is right. */
let rightIn: string;
/** The versions on which was decided. */
let decided: (string | undefined)[];
let refusals: AuditRefusal[];
let requests: ClientRequests;

beforeEach(() => {
  remembered = { client: '1', registry: '1' };
  current = { client: '1', registry: '1' };
  rightIn = 'none';
  decided = [];
  refusals = [];
  const client = ({ client: version }: typeof current) =>
    version === undefined ? undefined : ({ clientId: 'billing', version } as ClientSnapshot);
  const registry = ({ registry: version }: typeof current) => ({ version }) as RegisteredScopes;
  const authenticate = (_: unknown, snapshot: ClientSnapshot | undefined) => {
    decided.push(snapshot?.version);
    return snapshot?.version === rightIn ? { secretId: 's' } : { fault: `wrong in ${snapshot?.version}` };
  };
  requests = new ClientRequests(
    { issuer: 'http://localhost', trustProxy: [] as string[] } as unknown as ServerConfig,
    { cached: () => client(remembered), load: () => Promise.resolve(client(current)) } as unknown as ClientSnapshots,
    { cached: () => registry(remembered), load: () => Promise.resolve(registry(current)) } as unknown as ScopeRegistry,
    { authenticate } as unknown as ClientAuthenticator,
    {} as ClientCertificates,
    { used: () => undefined } as unknown as ClientUsage,
    {} as SingleUse,
    { failed: () => 0 } as unknown as Limits,
    {
      recordRefusal: (refusal: AuditRefusal) => {
        refusals.push(refusal);
        return Promise.resolve();
      },
      countRefusal: () => undefined,
    } as unknown as Audit,
    { count: () => Promise.resolve(), countLater: () => undefined } as unknown as RefusalCounts,
    new FixedClock(),
  );
});

/** The version of the client on which the request was answered, or why it was refused. */
async function ask(act = ({ client }: ClientView) => Promise.resolve<string | undefined>(client.version)) {
  try {
    return await requests.answer(request, act);
  } catch (error) {
    if (error instanceof OAuthError) return error.reason;
    throw error;
  }
}

describe('A-01: a failed authentication', () => {
  it.each([
    ['a client that is remembered as it is', { client: '1', registry: '1' }, '1'],
    ['a client that is not remembered', { client: undefined, registry: '1' }, '1'],
  ])('costs one decision for %s', async (_, known, version) => {
    remembered = known;
    expect(await ask()).toBe(`wrong in ${version}`);
    expect(decided).toEqual([version]);
    expect(refusals).toHaveLength(1);
  });

  it('costs one decision for a client that does not exist', async () => {
    remembered.client = undefined;
    current.client = undefined;
    expect(await ask()).toBe('wrong in undefined');
    expect(decided).toEqual([undefined]);
  });

  it.each([
    ['has changed', { client: '2', registry: '1' }],
    ['was deleted', { client: undefined, registry: '1' }],
    ['asks for scopes that have changed', { client: '1', registry: '2' }],
  ])('is decided anew where the client %s', async (_, now) => {
    current = now;
    expect(await ask()).toBe(`wrong in ${now.client}`);
    expect(decided).toEqual(['1', now.client]);
    expect(refusals).toHaveLength(1);
  });
});

it('a client that has changed its secret gets in with the new one', async () => {
  current.client = '2';
  rightIn = '2';
  expect(await ask()).toBe('2');
  expect(decided).toEqual(['1', '2']);
});

it('whoever refuses for another reason hears on which knowledge', async () => {
  rightIn = '1';
  const heard: boolean[] = [];
  await ask(({ fresh }) => {
    heard.push(fresh);
    throw temporarilyUnavailable(429, 1);
  });
  expect(heard).toEqual([false, true]);
});
