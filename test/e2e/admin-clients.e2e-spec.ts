import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { Client as PgClient } from 'pg';
import { startServer, type TestServer } from '../support/server.js';

interface Secret {
  readonly secret_id: string;
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

interface ClientJson {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_secret?: string;
  readonly secrets: readonly Secret[];
  readonly [member: string]: unknown;
}

interface Problem {
  readonly status: number;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

const path = '/admin/oauth/clients';
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.stop());

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

async function create(members: Record<string, unknown> = {}): Promise<ClientJson & { client_secret: string }> {
  const response = await server.asAdmin('POST', path, { client_name: 'Billing', ...members });
  expect(response.status).toBe(201);
  return json(response);
}

async function read(clientId: string): Promise<ClientJson> {
  const response = await server.asAdmin('GET', `${path}/${clientId}`);
  expect(response.status).toBe(200);
  return json(response);
}

async function pointers(response: Response): Promise<string[]> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = await json<Problem>(response);
  expect(problem.status).toBe(response.status);
  return (problem.errors ?? []).map(({ pointer }) => pointer);
}

async function rows<Row>(statement: string, values: unknown[] = []): Promise<Row[]> {
  const client = new PgClient({ connectionString: server.database.url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

function regenerate(clientId: string, body?: unknown): Promise<Response> {
  return server.asAdmin('POST', `${path}/${clientId}/regenerate-secret`, body);
}

async function statusWith(client_id: string, client_secret: string): Promise<number> {
  return (await server.requestToken({ client_id, client_secret })).status;
}

describe('POST /admin/oauth/clients', () => {
  it('registers a client with nothing but a name, and shows its secret once', async () => {
    const response = await server.asAdmin('POST', path, { client_name: 'Billing' });

    expect(response.status).toBe(201);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await json<ClientJson>(response);
    expect(response.headers.get('location')).toBe(`${server.issuer}${path}/${body.client_id}`);
    expect(body).toEqual({
      client_id: expect.stringMatching(/^[A-Za-z0-9._-]{3,64}$/),
      client_secret: expect.stringMatching(/^signet_cs_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}$/),
      client_secret_expires_at: 0,
      client_name: 'Billing',
      description: null,
      status: 'active',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: '',
      audience: [],
      resource_identifiers: [],
      access_token_ttl_seconds: null,
      refresh_token_ttl_seconds: null,
      refresh_token_grace_seconds: 0,
      jwks: null,
      jwks_uri: null,
      dpop_bound_access_tokens: false,
      tls_client_auth_subject_dn: null,
      tls_client_auth_san_dns: null,
      tls_client_auth_san_uri: null,
      tls_client_auth_san_ip: null,
      tls_client_auth_san_email: null,
      tls_client_certificate_bound_access_tokens: false,
      allowed_networks: [],
      rate_limit_per_minute: null,
      rate_limit_per_day: null,
      rate_limit_mode: 'enforce',
      token_coalescing_seconds: 0,
      contacts: [],
      metadata: {},
      secrets: [
        {
          secret_id: body.client_secret?.split('_')[2],
          hint: body.client_secret?.slice(-4),
          created_at: expect.stringMatching(rfc3339),
          expires_at: null,
          last_used_at: null,
        },
      ],
      created_at: expect.stringMatching(rfc3339),
      updated_at: expect.stringMatching(rfc3339),
      last_used_at: null,
    });
    const { client_secret: _, client_secret_expires_at: __, ...shown } = body;
    expect(await read(body.client_id)).toEqual(shown);
    expect(await statusWith(body.client_id, body.client_secret ?? '')).toBe(200);
  });

  it('keeps every member, canonical and each item once', async () => {
    const jwk = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey).export({
      format: 'jwk',
    });
    const members = {
      client_id: 'every.Member_-1',
      description: 'all of them',
      grant_types: ['client_credentials', 'refresh_token', 'client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
      scope: 'read:profile manage:* read:profile',
      audience: ['https://api.example/a', 'urn:example:b', 'https://api.example/a'],
      resource_identifiers: ['https://api.example/c'],
      access_token_ttl_seconds: 60,
      refresh_token_ttl_seconds: 2_592_000,
      refresh_token_grace_seconds: 60,
      jwks: { keys: [{ ...jwk, kid: '1', use: 'sig' }] },
      dpop_bound_access_tokens: true,
      tls_client_certificate_bound_access_tokens: true,
      allowed_networks: ['127.0.0.1', '10.0.0.0/8', '2001:DB8:0::/32', '::1', '::ffff:10.0.0.0/104'],
      rate_limit_per_minute: 1_000_000,
      rate_limit_per_day: 1_000_000_000,
      rate_limit_mode: 'report',
      contacts: ['ops@example.org'],
      metadata: { team: 'billing', toString: 'too' },
    };
    const created = await create(members);

    expect(await read(created.client_id)).toMatchObject({
      ...members,
      grant_types: ['client_credentials', 'refresh_token'],
      scope: 'read:profile manage:*',
      audience: ['https://api.example/a', 'urn:example:b'],
      allowed_networks: ['127.0.0.1/32', '10.0.0.0/8', '2001:db8::/32', '::1/128'],
    });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['no name', { client_name: undefined }, ['/client_name']],
    ['null for a name', { client_name: null }, ['/client_name']],
    ['a number for a name', { client_name: 1 }, ['/client_name']],
    ['an empty name', { client_name: '' }, ['/client_name']],
    ['a blank name', { client_name: '  ' }, ['/client_name']],
    ['a long name', { client_name: 'x'.repeat(201) }, ['/client_name']],
    ['a name with a line break', { client_name: 'a\nb' }, ['/client_name']],
    ['a long description', { description: 'x'.repeat(1001) }, ['/description']],
    ['a short client_id', { client_id: 'ab' }, ['/client_id']],
    ['a long client_id', { client_id: 'x'.repeat(65) }, ['/client_id']],
    ['a client_id with a slash', { client_id: '../admin' }, ['/client_id']],
    ['an unknown grant', { grant_types: ['client_credentials', 'password'] }, ['/grant_types/1']],
    ['a text for the grants', { grant_types: 'client_credentials' }, ['/grant_types']],
    ['an unknown method', { token_endpoint_auth_method: 'none' }, ['/token_endpoint_auth_method']],
    ['two spaces in a scope', { scope: 'read:profile  read:features' }, ['/scope']],
    ['a list for the scope', { scope: ['read:profile'] }, ['/scope']],
    ['scopes that nobody registered', { scope: 'read:profile manage:x admin:*' }, ['/scope', '/scope']],
    ['an audience with a fragment', { audience: ['https://a', 'https://b#c'] }, ['/audience/1']],
    ['a relative audience', { audience: ['/a', 1] }, ['/audience/0', '/audience/1']],
    ['too many audiences', { audience: Array.from({ length: 21 }, (_, i) => `https://a/${i}`) }, ['/audience']],
    ['a relative resource identifier', { resource_identifiers: ['a'] }, ['/resource_identifiers/0']],
    ['a short lifetime', { access_token_ttl_seconds: 59 }, ['/access_token_ttl_seconds']],
    ['a long lifetime', { access_token_ttl_seconds: 86_401 }, ['/access_token_ttl_seconds']],
    ['a lifetime as text', { access_token_ttl_seconds: '60' }, ['/access_token_ttl_seconds']],
    ['a lifetime of nothing', { refresh_token_ttl_seconds: 0 }, ['/refresh_token_ttl_seconds']],
    ['a lifetime with a fraction', { refresh_token_ttl_seconds: 60.5 }, ['/refresh_token_ttl_seconds']],
    ['a rate of nothing', { rate_limit_per_minute: 0 }, ['/rate_limit_per_minute']],
    ['a rate of too much', { rate_limit_per_day: 1_000_000_001 }, ['/rate_limit_per_day']],
    ['a mode that is none', { rate_limit_mode: 'off' }, ['/rate_limit_mode']],
    ['a long coalescing', { token_coalescing_seconds: 61 }, ['/token_coalescing_seconds']],
    [
      'coalescing with refresh tokens',
      { token_coalescing_seconds: 10, grant_types: ['client_credentials', 'refresh_token'] },
      ['/token_coalescing_seconds'],
    ],
    [
      'host bits',
      { allowed_networks: ['10.0.0.1/8', '10.0.0.0/33', 'x'] },
      [0, 1, 2].map((i) => `/allowed_networks/${i}`),
    ],
    ['a text for a flag', { dpop_bound_access_tokens: 'true' }, ['/dpop_bound_access_tokens']],
    ['a long grace', { refresh_token_grace_seconds: 61 }, ['/refresh_token_grace_seconds']],
    ['a grace of less than nothing', { refresh_token_grace_seconds: -1 }, ['/refresh_token_grace_seconds']],
    ['a plain jwks_uri', { jwks_uri: 'http://example.org/jwks' }, ['/jwks_uri']],
    ['a jwks_uri with a password', { jwks_uri: 'https://a:b@example.org/' }, ['/jwks_uri']],
    ['a list of keys for a set', { jwks: [] }, ['/jwks']],
    ['a set without keys', { jwks: { keys: [] } }, ['/jwks/keys']],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, ['/jwks/keys/0/k']],
    ['no key at all', { jwks: { keys: [{ kty: 'RSA' }, 1] } }, ['/jwks/keys/0', '/jwks/keys/1']],
    ['contacts of no length', { contacts: [''] }, ['/contacts/0']],
    ['metadata that is no text', { metadata: { a: 1, 'b/c': null } }, ['/metadata/b~1c']],
    ['metadata with a long value', { metadata: { a: 'x'.repeat(513) } }, ['/metadata/a']],
    [
      'metadata with many members',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`m${i}`, ''])) },
      ['/metadata'],
    ],
    ['everything wrong at once', { client_name: 1, scope: 2, foo: 3 }, ['/client_name', '/foo', '/scope']],
  ])('refuses %s', async (_, members, expected) => {
    const before = await rows('SELECT count(*) FROM clients');
    const response = await server.asAdmin('POST', path, { client_name: 'Billing', ...members });

    expect(response.status).toBe(400);
    expect((await pointers(response)).toSorted()).toEqual(expected);
    expect(await rows('SELECT count(*) FROM clients')).toEqual(before);
  });

  it('refuses keys that are private or too short', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const secret = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const response = await server.asAdmin('POST', path, { client_name: 'Keys', jwks: { keys: [weak, secret] } });

    expect(response.status).toBe(400);
    expect(await pointers(response)).toEqual(['/jwks/keys/0', '/jwks/keys/1/d']);
  });

  it('refuses jwks and jwks_uri together, whenever the second one comes', async () => {
    const jwks = { keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] };
    const both = await server.asAdmin('POST', path, {
      client_name: 'Keys',
      jwks,
      jwks_uri: 'https://example.org/jwks',
    });
    expect([both.status, await pointers(both)]).toEqual([400, ['/jwks_uri']]);

    const { client_id } = await create({ jwks });
    const second = await server.asAdmin('PATCH', `${path}/${client_id}`, { jwks_uri: 'https://example.org/jwks' });
    expect([second.status, await pointers(second)]).toEqual([400, ['/jwks_uri']]);
    const swapped = await server.asAdmin('PATCH', `${path}/${client_id}`, {
      jwks: null,
      jwks_uri: 'https://example.org/jwks',
    });
    expect(await json(swapped)).toMatchObject({ jwks: null, jwks_uri: 'https://example.org/jwks' });
  });

  it.each([
    'client_secret',
    'secret_hash',
    'secrets',
    'created_at',
    'last_used_at',
    'id',
    'tenant_id',
    'is_admin',
    'hint',
    'foo',
    'status',
  ])('M-09 refuses the member %s by name', async (member) => {
    const response = await server.asAdmin('POST', path, { client_name: 'Billing', [member]: 'x' });
    expect([response.status, await pointers(response)]).toEqual([400, [`/${member}`]]);
  });

  it('takes a client without a grant, which then gets no token', async () => {
    const response = await server.requestToken(await create({ grant_types: [] }));
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ error: 'unauthorized_client' }),
    ]);
  });

  it('refuses an identifier that is taken, or was', async () => {
    const { client_id } = await create({ client_id: 'taken-once' });
    expect((await server.asAdmin('POST', path, { client_name: 'Again', client_id })).status).toBe(409);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}`)).status).toBe(204);
    expect((await server.asAdmin('POST', path, { client_name: 'Again', client_id })).status).toBe(409);
  });
});

describe('PATCH /admin/oauth/clients/{client_id}', () => {
  it('is a merge patch: what is named changes, null goes back to the default, metadata is merged', async () => {
    const {
      client_id,
      client_secret: _,
      client_secret_expires_at: __,
      ...created
    } = await create({
      description: 'before',
      scope: 'read:profile',
      audience: ['https://api.example'],
      access_token_ttl_seconds: 120,
      metadata: { kept: 'a', changed: 'b', removed: 'c' },
    });
    const response = await server.asAdmin('PATCH', `${path}/${client_id}`, {
      client_name: 'Renamed',
      description: null,
      audience: null,
      access_token_ttl_seconds: null,
      metadata: { changed: 'B', removed: null, added: 'd' },
    });

    expect(response.status).toBe(200);
    const patched = await json<ClientJson>(response);
    expect(patched).toEqual({
      ...created,
      client_id,
      client_name: 'Renamed',
      description: null,
      audience: [],
      access_token_ttl_seconds: null,
      metadata: { kept: 'a', changed: 'B', added: 'd' },
      updated_at: expect.stringMatching(rfc3339),
    });
    expect(await read(client_id)).toEqual(patched);
  });

  it('takes an empty patch, and writes nothing for it', async () => {
    const { client_id } = await create();
    const before = await rows('SELECT version, updated_at FROM clients WHERE client_id = $1', [client_id]);
    for (const patch of [{}, { client_name: 'Billing', scope: '' }]) {
      expect((await server.asAdmin('PATCH', `${path}/${client_id}`, patch)).status).toBe(200);
    }
    expect(await rows('SELECT version, updated_at FROM clients WHERE client_id = $1', [client_id])).toEqual(before);
  });

  it.each<[string, unknown, string[]]>([
    ['client_id', { client_id: 'other-id' }, ['/client_id']],
    ['secrets', { secrets: [] }, ['/secrets']],
    ['client_secret', { client_secret: 'x' }, ['/client_secret']],
    ['null for the name', { client_name: null }, ['/client_name']],
    ['null for the status', { status: null }, ['/status']],
    ['an unknown status', { status: 'deleted' }, ['/status']],
    ['a good member beside a bad one', { client_name: 'Other', audience: ['x'] }, ['/audience/0']],
    ['a list', [], ['']],
  ])('refuses %s and changes nothing', async (_, patch, expected) => {
    const { client_id } = await create();
    const before = await read(client_id);
    const response = await server.asAdmin('PATCH', `${path}/${client_id}`, patch);

    expect([response.status, await pointers(response)]).toEqual([400, expected]);
    expect(await read(client_id)).toEqual(before);
  });

  it('M-19 takes merge patches and JSON, nothing else', async () => {
    const { client_id } = await create();
    const authorization = `Bearer ${await server.adminToken()}`;
    const statuses: Record<string, number> = {};
    for (const type of [
      'application/json',
      'application/merge-patch+json',
      'application/json-patch+json',
      'text/plain',
    ]) {
      const init = { method: 'PATCH', headers: { authorization, 'content-type': type }, body: '{"description":"x"}' };
      statuses[type] = (await server.fetch(`${path}/${client_id}`, init)).status;
    }
    expect(statuses).toEqual({
      'application/json': 200,
      'application/merge-patch+json': 200,
      'application/json-patch+json': 415,
      'text/plain': 415,
    });
  });

  it('M-17 never mixes two patches of the same member, and loses neither of two members', async () => {
    const { client_id } = await create();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        server.asAdmin(
          'PATCH',
          `${path}/${client_id}`,
          i % 2 ? { metadata: { [`m${i}`]: 'x' } } : { contacts: [`a${i}`, `b${i}`] },
        ),
      ),
    );
    const { metadata, contacts } = (await read(client_id)) as unknown as { metadata: object; contacts: string[] };
    expect(Object.keys(metadata)).toHaveLength(10);
    expect(contacts.map((contact) => contact.slice(1))).toEqual([contacts[0]?.slice(1), contacts[0]?.slice(1)]);
  });
});

describe('status and deletion', () => {
  it('A-11 disabled: refused; enabled again: new tokens, while the old ones stay dead', async () => {
    const { client_id, client_secret } = await create({ scope: 'admin:oauth' });
    const token = await server.tokenOf({ client_id, client_secret });
    const call = async (bearer: string) =>
      (await server.fetch(path, { headers: { authorization: `Bearer ${bearer}` } })).status;
    expect(await call(token)).toBe(200);

    const disabled = await server.asAdmin('PATCH', `${path}/${client_id}`, { status: 'disabled' });
    expect(await json(disabled)).toMatchObject({ status: 'disabled' });
    expect([await statusWith(client_id, client_secret), await call(token)]).toEqual([401, 401]);

    const enabled = await server.asAdmin('PATCH', `${path}/${client_id}`, { status: 'active' });
    expect(await json(enabled)).toMatchObject({ status: 'active' });
    expect(await call(token)).toBe(401);
    expect(await call(await server.tokenOf({ client_id, client_secret }))).toBe(200);
  });

  it('deletes for good: tokens dead, secret gone, 404 from then on', async () => {
    const { client_id, client_secret, secrets } = await create({ scope: 'admin:oauth' });
    const token = await server.tokenOf({ client_id, client_secret });

    expect((await server.asAdmin('DELETE', `${path}/${client_id}`)).status).toBe(204);

    expect(await statusWith(client_id, client_secret)).toBe(401);
    expect((await server.fetch(path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['DELETE', '', undefined],
      ['PATCH', '', {}],
      ['POST', '/regenerate-secret', {}],
      ['DELETE', `/secrets/${secrets[0]?.secret_id}`, undefined],
    ] as const) {
      const response = await server.asAdmin(method, `${path}/${client_id}${suffix}`, body);
      expect([method, suffix, response.status]).toEqual([method, suffix, 404]);
    }
    expect(await rows('SELECT 1 FROM client_secrets WHERE client_id = $1', [client_id])).toEqual([]);
    const listed = await json<{ items: ClientJson[] }>(await server.asAdmin('GET', `${path}?q=${client_id}`));
    expect(listed.items).toEqual([]);
  });

  it.each(['no-such-client', '%00', 'a%2Fb', '%27%20OR%201%3D1--', '__proto__', 'x'.repeat(900)])(
    'knows no client %s',
    async (id) => {
      expect((await server.asAdmin('GET', `${path}/${id}`)).status).toBe(404);
      expect((await server.asAdmin('DELETE', `${path}/${id}`)).status).toBe(404);
    },
  );
});

describe('secrets', () => {
  it('regenerates without an overlap: the old secret ends at once', async () => {
    const { client_id, client_secret } = await create();
    const response = await regenerate(client_id);

    expect(response.status).toBe(200);
    const body = await json<{ client_secret: string; secret_id: string }>(response);
    expect(body).toEqual({
      client_id,
      client_secret: expect.stringMatching(/^signet_cs_/),
      secret_id: body.client_secret.split('_')[2],
      client_secret_expires_at: 0,
      previous_secrets_expire_at: null,
    });
    expect([await statusWith(client_id, client_secret), await statusWith(client_id, body.client_secret)]).toEqual([
      401, 200,
    ]);
    expect((await read(client_id)).secrets.map(({ secret_id }) => secret_id)).toEqual([body.secret_id]);
  });

  it('regenerates with an overlap: both work, the older one until its end, which later overlaps never move out', async () => {
    const { client_id, client_secret, secrets } = await create();
    const first = await json<{ client_secret: string; previous_secrets_expire_at: string }>(
      await regenerate(client_id, { overlap_seconds: 60 }),
    );
    const second = await json<{ client_secret: string; previous_secrets_expire_at: string }>(
      await regenerate(client_id, { overlap_seconds: 3600 }),
    );

    for (const secret of [client_secret, first.client_secret, second.client_secret]) {
      expect(await statusWith(client_id, secret)).toBe(200);
    }
    const expiries = new Map((await read(client_id)).secrets.map(({ hint, expires_at }) => [hint, expires_at]));
    expect(expiries.get(secrets[0]?.hint ?? '')).toBe(first.previous_secrets_expire_at);
    expect(expiries.get(first.client_secret.slice(-4))).toBe(second.previous_secrets_expire_at);
    expect(expiries.get(second.client_secret.slice(-4))).toBeNull();
    expect(
      Date.parse(second.previous_secrets_expire_at) - Date.parse(first.previous_secrets_expire_at),
    ).toBeGreaterThan(3500_000);

    await rows('UPDATE client_secrets SET expires_at = now() WHERE client_id = $1 AND expires_at IS NOT NULL', [
      client_id,
    ]);
    await rows('UPDATE clients SET version = version + 1 WHERE client_id = $1', [client_id]);
    expect([
      await statusWith(client_id, first.client_secret),
      await statusWith(client_id, second.client_secret),
    ]).toEqual([401, 200]);
  });

  it.each([-1, 2_592_001, '60', 1.5, true])('refuses an overlap of %p', async (overlap_seconds) => {
    const { client_id } = await create();
    const response = await regenerate(client_id, { overlap_seconds });
    expect([response.status, await pointers(response)]).toEqual([400, ['/overlap_seconds']]);
  });

  it('keeps at most ten live ones', async () => {
    const { client_id } = await create();
    for (let i = 0; i < 9; i += 1) expect((await regenerate(client_id, { overlap_seconds: 60 })).status).toBe(200);
    expect((await regenerate(client_id, { overlap_seconds: 60 })).status).toBe(409);
    expect((await read(client_id)).secrets).toHaveLength(10);
    expect((await regenerate(client_id, { overlap_seconds: 0 })).status).toBe(200);
    expect((await read(client_id)).secrets).toHaveLength(1);
  });

  it('deletes a single one, but never the last live one', async () => {
    const { client_id, client_secret, secrets } = await create();
    const old = secrets[0]?.secret_id ?? '';
    const { secret_id } = await json<{ secret_id: string }>(await regenerate(client_id, { overlap_seconds: 60 }));

    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${old}`)).status).toBe(204);
    expect(await statusWith(client_id, client_secret)).toBe(401);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${old}`)).status).toBe(404);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${secret_id}`)).status).toBe(409);
  });

  it('does not count an expired one as live', async () => {
    const { client_id, secrets } = await create();
    const { secret_id } = await json<{ secret_id: string }>(await regenerate(client_id, { overlap_seconds: 60 }));
    await rows('UPDATE client_secrets SET expires_at = now() WHERE secret_id = $1', [secrets[0]?.secret_id]);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${secret_id}`)).status).toBe(409);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${secrets[0]?.secret_id}`)).status).toBe(204);
  });

  it('never deletes the last one, though it has expired', async () => {
    const { client_id, secrets } = await create();
    await rows('UPDATE client_secrets SET expires_at = now() WHERE secret_id = $1', [secrets[0]?.secret_id]);
    expect((await server.asAdmin('DELETE', `${path}/${client_id}/secrets/${secrets[0]?.secret_id}`)).status).toBe(409);
  });

  it('M-13 does not delete the secret of another client', async () => {
    const [one, other] = [await create(), await create()];
    await regenerate(other.client_id, { overlap_seconds: 60 });
    const target = `${path}/${one.client_id}/secrets/${other.secrets[0]?.secret_id}`;
    expect((await server.asAdmin('DELETE', target)).status).toBe(404);
    expect(await statusWith(other.client_id, other.client_secret)).toBe(200);
  });

  it('shows when a secret was used', async () => {
    const { client_id, client_secret } = await create();
    await server.tokenOf({ client_id, client_secret });
    const { last_used_at, secrets } = await read(client_id);
    expect(last_used_at).toMatch(rfc3339);
    expect(secrets[0]?.last_used_at).toBe(last_used_at);
  });

  it('M-11 neither secret nor hash is stored or shown anywhere after the one time', async () => {
    const { client_id, client_secret } = await create({ client_id: 'm-11' });
    const later = await json<{ client_secret: string }>(await regenerate(client_id, { overlap_seconds: 60 }));
    const hashes = await rows<{ hash: string }>(
      `SELECT encode(hash, 'hex') AS hash FROM client_secrets WHERE client_id = $1`,
      [client_id],
    );
    const shown = [
      await (await server.asAdmin('GET', `${path}/${client_id}`)).text(),
      await (await server.asAdmin('GET', `${path}?limit=200`)).text(),
      JSON.stringify(await rows('SELECT * FROM audit_log')),
      JSON.stringify(await rows('SELECT to_jsonb(clients) FROM clients')),
      JSON.stringify(await rows('SELECT to_jsonb(client_secrets) FROM client_secrets')),
    ];
    for (const text of shown) {
      for (const secret of [client_secret, later.client_secret]) expect(text).not.toContain(secret.slice(-12));
    }
    for (const text of shown.slice(0, 4)) for (const { hash } of hashes) expect(text).not.toContain(hash);
  });
});

describe('GET /admin/oauth/clients', () => {
  const page = async (query: string) =>
    json<{ items: ClientJson[]; next_cursor: string | null }>(await server.asAdmin('GET', `${path}?${query}`));

  beforeAll(async () => {
    for (let i = 0; i < 5; i += 1) await create({ client_id: `listed-${i}`, client_name: `List 100%_\\ ${i}` });
    await server.asAdmin('PATCH', `${path}/listed-1`, { status: 'disabled' });
  });

  it('lists newest first, page by page, stable under inserts', async () => {
    const first = await page('q=listed-&limit=2');
    await create({ client_id: 'listed-late' });
    const second = await page(`q=listed-&limit=2&cursor=${first.next_cursor}`);
    const third = await page(`q=listed-&limit=2&cursor=${second.next_cursor}`);

    const ids = [first, second, third].map(({ items }) => items.map(({ client_id }) => client_id));
    expect(ids).toEqual([['listed-4', 'listed-3'], ['listed-2', 'listed-1'], ['listed-0']]);
    expect(third.next_cursor).toBeNull();
    expect((await page('q=listed-&limit=6')).next_cursor).toBeNull();
    expect(first.items[0]).toEqual(await read('listed-4'));
    await server.asAdmin('DELETE', `${path}/listed-late`);
  });

  it.each([
    ['q=LISTED-3', ['listed-3']],
    ['q=list+100%25', ['listed-4', 'listed-3', 'listed-2', 'listed-1', 'listed-0']],
    ['q=100%25_%5C+2', ['listed-2']],
    ['q=l%25d-3', []],
    ['q=liste_-3', []],
    ['q=listed-&status=disabled', ['listed-1']],
    ['q=listed-&status=active&unknown=1&unknown=2', ['listed-4', 'listed-3', 'listed-2', 'listed-0']],
  ])('?%s', async (query, expected) => {
    expect((await page(query)).items.map(({ client_id }) => client_id)).toEqual(expected);
  });

  it.each([
    ...['0', '-1', '201', '1e9', '1;drop', 'NaN', '', '+5', '05', '1.0'].map((limit) => [
      `limit=${encodeURIComponent(limit)}`,
      '/limit',
    ]),
    ['limit=1&limit=1', '/limit'],
    ['status=deleted', '/status'],
    ['status=', '/status'],
    ['status=active&status=active', '/status'],
    [`q=${'x'.repeat(201)}`, '/q'],
    [`q=${'x'.repeat(10_000)}`, '/q'],
    ['q=a&q=b', '/q'],
    ['q=%00', '/q'],
    ['cursor=', '/cursor'],
    ['cursor=abc', '/cursor'],
    ['cursor=a&cursor=b', '/cursor'],
  ])('M-15 refuses a bad query, case %#', async (query, pointer) => {
    const response = await server.asAdmin('GET', `${path}?${query}`);
    expect([response.status, await pointers(response)]).toEqual([400, [pointer]]);
  });

  it('binds a cursor to its list and filter', async () => {
    const { next_cursor } = await page('q=listed-&limit=2');
    const altered = `${next_cursor?.slice(0, -2)}${next_cursor?.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const url of [
      `${path}?cursor=${next_cursor}`,
      `${path}?q=listed&cursor=${next_cursor}`,
      `${path}?q=listed-&status=active&cursor=${next_cursor}`,
      `${path}?q=listed-&cursor=${altered}`,
      `/admin/oauth/scopes?cursor=${next_cursor}`,
    ]) {
      const response = await server.asAdmin('GET', url);
      expect([url, response.status, await pointers(response)]).toEqual([url, 400, ['/cursor']]);
    }
    expect((await page(`q=listed-&limit=1&cursor=${next_cursor}`)).items).toHaveLength(1);
  });
});

describe('U-01 the audit log', () => {
  it('has one entry for each write, and one for each refused one', async () => {
    const { client_id, secrets } = await create({ client_id: 'u-01' });
    const own = `${path}/${client_id}`;
    await server.asAdmin('PATCH', own, { description: 'x' });
    await server.asAdmin('PATCH', own, { description: 'x' });
    await server.asAdmin('PATCH', own, { status: 'disabled', description: 'y' });
    await server.asAdmin('PATCH', own, { status: 'active' });
    await regenerate(client_id, { overlap_seconds: 60 });
    await server.asAdmin('DELETE', `${own}/secrets/${secrets[0]?.secret_id}`);
    await server.asAdmin('PATCH', own, { foo: 1 });
    await server.asAdmin('DELETE', own);

    const entries = await rows<{
      action: string;
      success: boolean;
      actor_client_id: string;
      request_id: string;
      ip_address: string;
    }>(
      `SELECT action, success, actor_client_id, request_id, ip_address FROM audit_log
       WHERE target_id = $1 OR details->'params'->>'client_id' = $1 ORDER BY occurred_at, id`,
      [client_id],
    );
    expect(entries.map(({ action, success }) => `${action} ${success}`)).toEqual([
      'client.created true',
      'client.updated true',
      'client.disabled true',
      'client.enabled true',
      'client.secret_regenerated true',
      'client.secret_deleted true',
      'client.updated false',
      'client.deleted true',
    ]);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        actor_client_id: 'admin',
        ip_address: '127.0.0.1',
        request_id: expect.any(String),
      });
    }
  });
});
