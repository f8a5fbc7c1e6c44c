/**
 * `POST /oauth/token` as the contract has it: the answer and its record, every row of the fault table, scopes, audiences,
 * lifetimes, networks, limits, and what happens while the database is away.
 */
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Client } from 'pg';
import { openDatabaseProxy } from '../support/database-proxy.js';
import { databaseUrl } from '../support/postgres.js';
import { expectInvalidClient, expectOAuthError, expectProblem, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';

interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

let server: TestServer;
let ledger: Ledger;
let a: Credentials;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  a = await server.createClient({
    client_name: 'A',
    scope: 'read:profile read:features',
    audience: ['https://api.a', 'https://api.b'],
  });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

async function answered(response: Response): Promise<TokenAnswer> {
  expect({ status: response.status, body: await response.clone().text() }).toMatchObject({ status: 200 });
  return (await response.json()) as TokenAnswer;
}

async function claimsOf(credentials: Credentials, form: Record<string, string> | [string, string][] = {}) {
  return decodeJwt((await answered(await server.requestToken(credentials, form))).access_token);
}

async function patch(client: Credentials, members: Record<string, unknown>): Promise<void> {
  expect((await server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, members)).status).toBe(200);
}

/** A refusal of `client`: its error, one audit entry, nothing else. */
async function refused(
  client: Credentials,
  form: Record<string, string> | [string, string][],
  error: string,
): Promise<void> {
  const { response, entry } = await ledger.refused(() => server.requestToken(client, form), [client.client_secret]);
  await expectOAuthError(response, 400, error);
  expect(entry).toMatchObject({ action: 'token.denied', error, target_type: 'client', target_id: client.client_id });
}

describe('the answer', () => {
  it('has these members, these headers, and is not stored by anybody', async () => {
    const response = await server.requestToken(a);
    expect(response.headers.get('content-type')).toMatch(/^application\/json(; charset=utf-8)?$/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('pragma')).toBe('no-cache');
    expect(await answered(response)).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read:profile read:features',
    });
  });

  it('is durable before it leaves: the record and its audit entry', async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'read:profile' });
    const headers = { authorization: basic(a), 'user-agent': 'billing/1.2 "x" \\y {z},', 'x-request-id': 'durable-1' };
    const { result, entries } = await ledger.entriesOf(() =>
      server.fetch('/oauth/token', { method: 'POST', headers, body }),
    );
    const { access_token: token } = await answered(result);
    const claims = decodeJwt(token);
    const [row] = await ledger.rows('SELECT * FROM access_tokens WHERE jti = $1', [claims.jti]);
    expect(row).toMatchObject({
      jti: claims.jti,
      token_hash: createHash('sha256').update(token).digest(),
      client_id: a.client_id,
      kid: decodeProtectedHeader(token).kid,
      scope: 'read:profile',
      aud: ['https://api.a', 'https://api.b'],
      issued_at: new Date((claims.iat ?? 0) * 1000),
      expires_at: new Date((claims.exp ?? 0) * 1000),
      ip_address: '127.0.0.1',
      user_agent: headers['user-agent'],
      revoked_at: null,
    });
    expect(entries).toEqual([
      expect.objectContaining({
        action: 'token.issued',
        success: true,
        actor_client_id: a.client_id,
        target_type: 'token',
        target_id: claims.jti,
        ip_address: '127.0.0.1',
        user_agent: headers['user-agent'],
        request_id: 'durable-1',
        error: null,
      }),
    ]);
    const written = JSON.stringify([row, entries]);
    for (const secret of [token, token.split('.')[2] ?? '', a.client_secret]) expect(written).not.toContain(secret);
  });

  it('is the same for a client that authenticates in the body', async () => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: a.client_id,
      client_secret: a.client_secret,
    });
    const { scope } = await answered(await server.fetch('/oauth/token', { method: 'POST', body }));
    expect(scope).toBe('read:profile read:features');
  });

  it('many at once: each has its own record', async () => {
    const tokens = await Promise.all(Array.from({ length: 60 }, () => server.tokenOf(a)));
    const ids = tokens.map((token) => decodeJwt(token).jti);
    const [{ count } = { count: 0 }] = await ledger.rows<{ count: number }>(
      'SELECT count(*)::int AS count FROM access_tokens WHERE jti = ANY ($1::uuid[])',
      [ids],
    );
    expect(count).toBe(60);
  });
});

describe('the fault table', () => {
  it.each<[string, Record<string, string> | [string, string][], string]>([
    ['missing grant_type', { grant_type: '' }, 'invalid_request'],
    ['unknown grant', { grant_type: 'tea' }, 'unsupported_grant_type'],
    [
      'a grant whose name would be cut within a character',
      { grant_type: `${'x'.repeat(63)}😀` },
      'unsupported_grant_type',
    ],
    ['malformed scope', { scope: 'read:"profile"' }, 'invalid_scope'],
    ['unknown scope', { scope: 'read:nothing' }, 'invalid_scope'],
    ['a scope that is not allowed', { scope: 'read:groups' }, 'invalid_scope'],
    ['one scope of two', { scope: 'read:profile read:groups' }, 'invalid_scope'],
    ['an admin scope', { scope: 'admin:full' }, 'invalid_scope'],
    ['a relative resource', { resource: '/api' }, 'invalid_target'],
    ['a resource with a fragment', { resource: 'https://api.a#x' }, 'invalid_target'],
    ['a resource that is not allowed', { resource: 'https://api.c' }, 'invalid_target'],
    [
      'one resource of two',
      [
        ['resource', 'https://api.a'],
        ['audience', 'https://api.c'],
      ],
      'invalid_target',
    ],
    [
      'a repeated scope',
      [
        ['scope', 'read:profile'],
        ['scope', 'read:profile'],
      ],
      'invalid_request',
    ],
  ])('%s', async (_, form, error) => {
    const sent = Array.isArray(form) ? form : Object.entries(form);
    await refused(a, sent, error);
  });

  it('a grant that is not registered for this client', async () => {
    const client = await server.createClient({
      client_name: 'G',
      scope: 'read:profile',
      grant_types: ['refresh_token'],
    });
    await refused(client, {}, 'unauthorized_client');
  });

  it('who is not authenticated learns nothing about grants, scopes and resources', async () => {
    const wrong = { ...a, client_secret: 'wrong' };
    const parameters = [
      ['grant_type', 'tea'],
      ['scope', 'x'],
      ['resource', 'x'],
      ['scope', 'read:profile'],
    ] as const;
    for (const [name, value] of parameters) {
      await expectInvalidClient((await ledger.refused(() => server.requestToken(wrong, [[name, value]]))).response);
    }
  });
});

describe('scopes', () => {
  it('asked for nothing, a token has all that its client may have, as it is stored', async () => {
    const client = await server.createClient({ client_name: 'S', scope: 'manage:* read:profile' });
    for (const form of [[], [['scope', '']]] as [string, string][][]) {
      expect((await claimsOf(client, form))['scope']).toBe('manage:* read:profile');
    }
    expect((await claimsOf(client, { scope: 'manage:*' }))['scope']).toBe('manage:*');
  });

  it('a client without any scope gets a token without any', async () => {
    const client = await server.createClient({ client_name: 'N' });
    const { scope, access_token } = await answered(await server.requestToken(client));
    expect(scope).toBe('');
    expect(decodeJwt(access_token)).toMatchObject({ scope: '', aud: server.issuer });
    await refused(client, { scope: 'read:profile' }, 'invalid_scope');
  });

  it('narrower, in the order asked for, each once', async () => {
    expect((await claimsOf(a, { scope: 'read:features read:profile read:features' }))['scope']).toBe(
      'read:features read:profile',
    );
  });

  it('a wildcard covers registered names, from the moment they are', async () => {
    const client = await server.createClient({ client_name: 'W', scope: 'manage:*' });
    await refused(client, { scope: 'manage:flags' }, 'invalid_scope');
    expect((await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'manage:flags' })).status).toBe(201);
    expect((await claimsOf(client, { scope: 'manage:flags' }))['scope']).toBe('manage:flags');
    expect((await claimsOf(client, { scope: 'manage:flags manage:*' }))['scope']).toBe('manage:flags manage:*');
    expect((await server.asAdmin('DELETE', '/admin/oauth/scopes/manage:flags')).status).toBe(204);
    await refused(client, { scope: 'manage:flags' }, 'invalid_scope');
  });

  it('admin:full covers every single admin scope and introspection, and nothing else', async () => {
    const client = await server.createClient({ client_name: 'F', scope: 'admin:full' });
    for (const scope of ['admin:oauth', 'admin:users', 'admin:system admin:events', 'oauth:introspect', 'admin:full']) {
      expect((await claimsOf(client, { scope }))['scope']).toBe(scope);
    }
    for (const scope of [
      'admin:*',
      'admin:',
      'admin:nothing',
      'events:publish',
      'state:read',
      'read:profile',
      'manage:*',
    ]) {
      await refused(client, { scope }, 'invalid_scope');
    }
  });

  it('what was taken away is gone with the next request', async () => {
    const client = await server.createClient({ client_name: 'T', scope: 'read:profile read:features' });
    expect((await claimsOf(client, { scope: 'read:features' }))['scope']).toBe('read:features');
    await patch(client, { scope: 'read:profile' });
    await refused(client, { scope: 'read:features' }, 'invalid_scope');
    expect((await claimsOf(client))['scope']).toBe('read:profile');
    await patch(client, { scope: 'read:profile read:groups' });
    expect((await claimsOf(client))['scope']).toBe('read:profile read:groups');
  });
});

describe('audiences', () => {
  it.each<[string, [string, string][], unknown]>([
    ['the audience of the client', [], ['https://api.a', 'https://api.b']],
    ['one resource: a string', [['resource', 'https://api.b']], 'https://api.b'],
    ['audience is a synonym', [['audience', 'https://api.b']], 'https://api.b'],
    [
      'both',
      [
        ['audience', 'https://api.b'],
        ['resource', 'https://api.a'],
      ],
      ['https://api.a', 'https://api.b'],
    ],
    [
      'the same twice',
      [
        ['resource', 'https://api.a'],
        ['audience', 'https://api.a'],
      ],
      'https://api.a',
    ],
    ['an empty one is none', [['resource', '']], ['https://api.a', 'https://api.b']],
  ])('%s', async (_, form, aud) => {
    const claimed = (await claimsOf(a, form)).aud;
    expect(Array.isArray(claimed) ? claimed.toSorted() : claimed).toEqual(aud);
  });

  it('without one and without an audience it is the issuer', async () => {
    const client = await server.createClient({ client_name: 'I', scope: 'read:profile' });
    expect((await claimsOf(client)).aud).toBe(server.issuer);
  });

  it('the audience of the client is compared as text', async () => {
    for (const resource of [
      'https://api.a/',
      'https://API.a',
      'https://api.a:443',
      'http://api.a',
      'https://api.a?x',
    ]) {
      await refused(a, { resource }, 'invalid_target');
    }
  });

  it.each(['admin:users', 'events:publish', 'state:read', 'oauth:introspect'])(
    'who is allowed %s may ask for the issuer, with or without an audience',
    async (scope) => {
      const client = await server.createClient({ client_name: 'O', scope, audience: ['https://api.a'] });
      expect((await claimsOf(client, { resource: server.issuer })).aud).toBe(server.issuer);
      expect((await claimsOf(client)).aud).toBe('https://api.a');
    },
  );
});

describe('lifetimes', () => {
  it('the default, that of the client, and a change of it', async () => {
    const client = await server.createClient({ client_name: 'L', access_token_ttl_seconds: 60 });
    const lifetime = async () => {
      const { expires_in, access_token } = await answered(await server.requestToken(client));
      const { exp = 0, iat = 0 } = decodeJwt(access_token);
      expect(exp - iat).toBe(expires_in);
      return expires_in;
    };
    expect(await lifetime()).toBe(60);
    await patch(client, { access_token_ttl_seconds: 86_400 });
    expect(await lifetime()).toBe(86_400);
    await patch(client, { access_token_ttl_seconds: null });
    expect(await lifetime()).toBe(600);
  });
});

describe('allowed_networks', () => {
  it.each([
    [['127.0.0.0/8'], 200],
    [['10.0.0.0/8', '127.0.0.1/32'], 200],
    [['::ffff:127.0.0.0/104'], 200],
    [['10.0.0.0/8'], 401],
    [['::/0'], 401],
    [['::1/128'], 401],
    [['127.0.0.2/32'], 401],
  ])('%p answers %i here', async (allowed_networks, status) => {
    const client = await server.createClient({ client_name: 'N', allowed_networks });
    expect((await server.requestToken(client)).status).toBe(status);
  });

  it('outside is as a wrong secret, from the moment that it is outside', async () => {
    const client = await server.createClient({ client_name: 'N', allowed_networks: ['127.0.0.0/8'] });
    expect((await server.requestToken(client)).status).toBe(200);
    await patch(client, { allowed_networks: ['192.0.2.0/24'] });
    const { response, entry } = await ledger.refused(() => server.requestToken(client), [client.client_secret]);
    await expectInvalidClient(response);
    expect(entry.details).toMatchObject({ reason: 'network_not_allowed' });
    await patch(client, { allowed_networks: [] });
    expect((await server.requestToken(client)).status).toBe(200);
  });
});

describe('L-01 rate_limit_per_minute', () => {
  it('over it: 429 and when to come again; nobody else waits', async () => {
    const client = await server.createClient({ client_name: 'R', rate_limit_per_minute: 3 });
    for (let request = 0; request < 3; request += 1) expect((await server.requestToken(client)).status).toBe(200);
    const before = await ledger.rows('SELECT count(*) FROM access_tokens');
    const limited = await server.requestToken(client);
    await expectOAuthError(limited, 429, 'temporarily_unavailable');
    const wait = Number(limited.headers.get('retry-after'));
    expect(Number.isInteger(wait) && wait >= 1 && wait <= 20).toBe(true);
    expect(await ledger.rows('SELECT count(*) FROM access_tokens')).toEqual(before);
    expect((await server.requestToken(a)).status).toBe(200);
    // Who has only the identifier cannot use the limit up, nor learn of it.
    await expectInvalidClient(await server.requestToken({ ...client, client_secret: 'wrong' }));
  });

  it('refused requests of the client count too, those of a stranger do not', async () => {
    const client = await server.createClient({ client_name: 'R', rate_limit_per_minute: 2 });
    const wrong = { ...client, client_secret: 'wrong' };
    for (let request = 0; request < 5; request += 1) await expectInvalidClient(await server.requestToken(wrong));
    await refused(client, { scope: 'x' }, 'invalid_scope');
    await refused(client, { scope: 'x' }, 'invalid_scope');
    await expectOAuthError(await server.requestToken(client, { scope: 'x' }), 429, 'temporarily_unavailable');
  });

  it('a change is honoured at once', async () => {
    const client = await server.createClient({ client_name: 'R', rate_limit_per_minute: 1 });
    expect((await server.requestToken(client)).status).toBe(200);
    expect((await server.requestToken(client)).status).toBe(429);
    await patch(client, { rate_limit_per_minute: null });
    expect((await server.requestToken(client)).status).toBe(200);
  });

  it('parallel requests do not slip through', async () => {
    const client = await server.createClient({ client_name: 'R', rate_limit_per_minute: 5 });
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async () => (await server.requestToken(client)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(25);
  });
});

describe('T-23 while the database is away', () => {
  const name = () => new URL(server.database.url.replace(/@[^/]*\//, '@host/')).pathname.slice(1);

  async function administer(...statements: string[]): Promise<void> {
    const client = new Client({ connectionString: databaseUrl('postgres') });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  const cutOff = () => `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name()}'`;

  const outages: [string, () => string, () => string][] = [
    [
      'it takes no connections',
      () => `ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`,
      () => `ALTER DATABASE ${name()} ALLOW_CONNECTIONS true`,
    ],
    [
      'it takes no writes (M-27)',
      () => `ALTER DATABASE ${name()} SET default_transaction_read_only = on`,
      () => `ALTER DATABASE ${name()} RESET default_transaction_read_only`,
    ],
  ];

  it.each(outages)('%s', async (_, begin, end) => {
    const token = await server.adminToken();
    const [before] = await ledger.rows('SELECT count(*) FROM access_tokens');
    const clients = await ledger.rows('SELECT count(*) FROM clients');
    await ledger.close();
    await administer(begin(), cutOff());
    try {
      const sends: (() => Promise<Response>)[] = [
        () => server.requestToken(a),
        () => server.requestToken(a, { scope: 'read:groups' }),
        () => server.requestToken({ ...a, client_secret: 'wrong' }),
        () => server.requestToken({ client_id: 'nobody', client_secret: 'x' }),
        () => server.fetch('/oauth/token', { method: 'POST', body: 'x' }),
      ];
      for (const send of [...sends, ...sends]) {
        const response = await send();
        await expectOAuthError(response, 503, 'temporarily_unavailable');
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(5);
      }
      const write = await server.fetch(clientsPath, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"client_name":"x"}',
      });
      await expectProblem(write, 503);
      expect(write.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect((await server.fetch('/.well-known/jwks.json')).status).toBe(200);
      expect((await server.fetch('/health/live')).status).toBe(200);
      expect(await (await server.fetch('/health/ready')).json()).toMatchObject({ status: 'down', database: 'down' });
    } finally {
      await administer(end(), cutOff());
      ledger = await Ledger.open(server);
    }
    expect(await ledger.rows('SELECT count(*) FROM access_tokens')).toEqual([before]);
    expect(await ledger.rows('SELECT count(*) FROM clients')).toEqual(clients);
    await answered(await server.requestToken(a));
    expect((await server.asAdmin('GET', clientsPath)).status).toBe(200);
  });

  it('it cannot be reached, and it does not answer', async () => {
    const proxy = await openDatabaseProxy(server.database.url);
    const behind = await startServer({ beside: { ...server, database: { ...server.database, url: proxy.url } } });
    const tokens = () => ledger.rows('SELECT count(*) FROM access_tokens');
    try {
      await answered(await behind.requestToken(a));
      for (const cut of [() => proxy.sever(), () => Promise.resolve(proxy.stall())]) {
        const before = await tokens();
        await cut();
        const responses = await Promise.all([
          behind.requestToken(a),
          behind.requestToken(a),
          behind.requestToken({ ...a, client_secret: 'wrong' }),
        ]);
        for (const response of responses) {
          await expectOAuthError(response, 503, 'temporarily_unavailable');
          expect(response.headers.get('retry-after')).toMatch(/^[1-5]$/);
        }
        expect(await tokens()).toEqual(before);
        await proxy.restore();
        await eventually(async () => (await behind.requestToken(a)).status === 200);
      }
    } finally {
      await proxy.restore();
      await behind.stop();
      await proxy.sever();
    }
  });
});

/** Tries again until it is so; the time-out of the test ends it. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
}
