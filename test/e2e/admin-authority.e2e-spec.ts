import { generateKeyPairSync } from 'node:crypto';
import { Client as PgClient } from 'pg';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const path = '/admin/oauth/clients';

let server: TestServer;
/** Token of a client with `admin:oauth` only, and that client. */
let ado: string;
let adoClient: Credentials;

beforeAll(async () => {
  server = await startServer();
  adoClient = await server.createClient({ client_name: 'ADO', client_id: 'ado', scope: 'admin:oauth' });
  ado = await server.tokenOf(adoClient);
});

afterAll(() => server.stop());

function call(token: string, method: string, url: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body === undefined) return server.fetch(url, { method, headers });
  return server.fetch(url, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** SC of security.md: 403, and a challenge that names what is missing. */
function expectInsufficient(response: Response, missing: string): void {
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([
    403,
    `Bearer error="insufficient_scope", scope="${missing}"`,
  ]);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
}

async function stored(clientId: string): Promise<unknown> {
  const client = new PgClient({ connectionString: server.database.url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT to_jsonb(c) - 'last_used_at' AS client, ARRAY(SELECT secret_id FROM client_secrets s WHERE s.client_id = c.client_id)
       FROM clients c WHERE client_id = $1`,
      [clientId],
    );
    return rows;
  } finally {
    await client.end();
  }
}

describe('what admin:oauth covers', () => {
  it('makes, changes and removes clients without privileged scopes', async () => {
    const members = {
      client_name: 'Plain',
      client_id: 'plain',
      scope: 'read:profile manage:* events:publish state:write',
    };
    expect((await call(ado, 'POST', path, members)).status).toBe(201);
    expect((await call(ado, 'PATCH', `${path}/plain`, { scope: 'state:read' })).status).toBe(200);
    expect((await call(ado, 'POST', `${path}/plain/regenerate-secret`, {})).status).toBe(200);
    expect((await call(ado, 'DELETE', `${path}/plain`)).status).toBe(204);
  });

  it('reaches clients that hold admin:oauth itself', async () => {
    expect(
      (await call(ado, 'POST', path, { client_name: 'Peer', client_id: 'peer', scope: 'admin:oauth' })).status,
    ).toBe(201);
    expect((await call(ado, 'PATCH', `${path}/peer`, { scope: '' })).status).toBe(200);
  });

  it.each([
    ['admin:full', 'admin:full'],
    ['admin:events', 'admin:events'],
    ['admin:*', 'admin:*'],
    ['admin:zzz', 'admin:zzz'],
    ['oauth:introspect', 'oauth:introspect'],
    ['read:profile admin:users admin:system', 'admin:users admin:system'],
  ])('does not give %s', async (scope, missing) => {
    expectInsufficient(await call(ado, 'POST', path, { client_name: 'Strong', client_id: 'strong', scope }), missing);
    expect(await stored('strong')).toEqual([]);
  });

  it('does not give the issuer as an API that a client serves', async () => {
    const members = { client_name: 'Strong', client_id: 'strong', resource_identifiers: [server.issuer] };
    expectInsufficient(await call(ado, 'POST', path, members), 'admin:full');
    expect(await stored('strong')).toEqual([]);
  });

  it('gives the issuer as audience: tokens without an audience of their own are meant for it anyway', async () => {
    const members = { client_name: 'Publisher', scope: 'events:publish', audience: [server.issuer] };
    expect((await call(ado, 'POST', path, members)).status).toBe(201);
  });

  it.each(['admin:full', 'admin:*', 'admin:events'])('M-03 does not let a client give itself %s', async (wish) => {
    const before = await stored('ado');
    expectInsufficient(await call(ado, 'PATCH', `${path}/ado`, { scope: `admin:oauth ${wish}` }), wish);
    expect(await stored('ado')).toEqual(before);
    expect((await call(ado, 'GET', path)).status).toBe(200);
  });
});

describe('M-05 a stronger client is not taken over', () => {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

  it.each<[string, string, unknown]>([
    ['POST', '/regenerate-secret', {}],
    ['POST', '/regenerate-secret', { overlap_seconds: 60 }],
    ['PATCH', '', { jwks: { keys: [jwk] } }],
    ['PATCH', '', { jwks_uri: 'https://evil.example/jwks' }],
    ['PATCH', '', { token_endpoint_auth_method: 'client_secret_post' }],
    ['PATCH', '', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['PATCH', '', { status: 'disabled' }],
    ['PATCH', '', { scope: 'admin:oauth' }],
    ['PATCH', '', { scope: '' }],
    ['PATCH', '', { audience: ['https://evil.example'] }],
    ['PATCH', '', { resource_identifiers: ['https://evil.example'] }],
    ['PATCH', '', { allowed_networks: ['192.0.2.0/24'] }],
    ['PATCH', '', {}],
    ['DELETE', '', undefined],
    ['DELETE', '/secrets/{secret_id}', undefined],
    ['DELETE', '/secrets/nosuchid', undefined],
  ])('%s %s %j', async (method, suffix, body) => {
    const before = await stored('admin');
    const { secrets } = (await (await call(ado, 'GET', `${path}/admin`)).json()) as {
      secrets: { secret_id: string }[];
    };
    const url = `${path}/admin${suffix.replace('{secret_id}', secrets[0]?.secret_id ?? '')}`;

    expectInsufficient(await call(ado, method, url, body), 'admin:full');
    expect(await stored('admin')).toEqual(before);
    expect((await server.requestToken(server.admin)).status).toBe(200);
  });
});

describe('the caller', () => {
  it('is judged by its token, not by what its client may have', async () => {
    const narrow = await server.tokenOf(server.admin, { scope: 'admin:oauth' });
    expectInsufficient(await call(narrow, 'POST', path, { client_name: 'X', scope: 'admin:events' }), 'admin:events');
  });

  it('needs admin:oauth for every path, reading included', async () => {
    const other = await server.createClient({ client_name: 'ADE', scope: 'admin:events read:profile' });
    const token = await server.tokenOf(other);
    for (const [method, url, body] of [
      ['GET', path, undefined],
      ['POST', path, { client_name: 'X' }],
      ['GET', `${path}/ado`, undefined],
      ['PATCH', `${path}/ado`, {}],
      ['DELETE', `${path}/ado`, undefined],
      ['POST', `${path}/ado/regenerate-secret`, {}],
      ['DELETE', `${path}/ado/secrets/x`, undefined],
      ['GET', '/admin/oauth/scopes', undefined],
      ['POST', '/admin/oauth/scopes', { name: 'x:y' }],
      ['PATCH', '/admin/oauth/scopes/read:profile', {}],
      ['DELETE', '/admin/oauth/scopes/read:profile', undefined],
    ] as const) {
      expectInsufficient(await call(token, method, url, body), 'admin:oauth');
      expect((await server.fetch(url, { method })).status).toBe(401);
    }
  });
});

describe('the last administrator', () => {
  it.each<[string, string, unknown]>([
    ['DELETE', '', undefined],
    ['PATCH', '', { status: 'disabled' }],
    ['PATCH', '', { scope: 'admin:oauth admin:events' }],
    ['PATCH', '', { scope: null }],
    ['PATCH', '', { grant_types: [] }],
  ])('stays: %s %s %j', async (method, suffix, body) => {
    const before = await stored('admin');
    expect((await server.asAdmin(method, `${path}/admin${suffix}`, body)).status).toBe(409);
    expect(await stored('admin')).toEqual(before);
  });

  it('is not the last while another one is active, whatever else it gives up', async () => {
    const second = await server.createClient({ client_name: 'Second', client_id: 'second', scope: 'admin:full' });
    expect((await server.asAdmin('PATCH', `${path}/second`, { status: 'disabled' })).status).toBe(200);
    expect((await server.asAdmin('DELETE', `${path}/admin`)).status).toBe(409);
    expect((await server.asAdmin('PATCH', `${path}/second`, { status: 'active' })).status).toBe(200);
    expect((await server.asAdmin('PATCH', `${path}/admin`, { scope: 'admin:full read:profile' })).status).toBe(200);

    const token = await server.tokenOf(second);
    expect((await call(token, 'PATCH', `${path}/admin`, { scope: 'read:profile' })).status).toBe(200);
    expect((await call(token, 'DELETE', `${path}/second`)).status).toBe(409);
    expect((await call(token, 'PATCH', `${path}/admin`, { scope: 'admin:full' })).status).toBe(200);
    expect((await call(token, 'DELETE', `${path}/second`)).status).toBe(204);
  });

  it('keeps a secret that does not expire', async () => {
    const { secret_id } = (await (
      await server.asAdmin('POST', `${path}/admin/regenerate-secret`, { overlap_seconds: 3600 })
    ).json()) as { secret_id: string };
    expect((await server.asAdmin('DELETE', `${path}/admin/secrets/${secret_id}`)).status).toBe(409);
  });
});

describe('Z-13', () => {
  const administrators = `SELECT 1 FROM clients WHERE status = 'active' AND 'admin:full' = ANY (scope)`;

  it('two administrators that delete each other leave one', async () => {
    const survivors: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const own = await startRound(round);
      const [one, two] = await Promise.all([
        call(own.tokens[0], 'DELETE', `${path}/${own.ids[1]}`),
        call(own.tokens[1], 'PATCH', `${path}/${own.ids[0]}`, { scope: 'read:profile' }),
      ]);
      expect([one, two].filter(({ ok }) => ok)).toHaveLength(1);
      survivors.push((await sql(administrators)).length);
      await own.restore();
    }
    expect(survivors).toEqual(Array.from({ length: 20 }, () => 1));
  });

  /** Two administrators, and no other one: the bootstrap client is set aside without the rule noticing. */
  async function startRound(round: number) {
    const ids = [`z13-${round}-a`, `z13-${round}-b`] as const;
    const clients = await Promise.all(
      ids.map((client_id) => server.createClient({ client_name: 'Z', client_id, scope: 'admin:full' })),
    );
    const [first, second] = await Promise.all(clients.map((client) => server.tokenOf(client)));
    await sql(`UPDATE clients SET scope = '{}' WHERE client_id = 'admin'`);
    const restore = async () => {
      await sql(`UPDATE clients SET scope = '{admin:full}' WHERE client_id = 'admin'`);
      for (const id of ids) await server.asAdmin('DELETE', `${path}/${id}`);
    };
    return { ids, tokens: [first ?? '', second ?? ''] as const, restore };
  }

  async function sql(statement: string): Promise<unknown[]> {
    const client = new PgClient({ connectionString: server.database.url });
    await client.connect();
    const { rows } = await client.query(statement);
    await client.end();
    return rows;
  }
});
