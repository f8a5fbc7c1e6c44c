/** What a subscription may not be (security.md E-01, E-11, M-09): refused by name, and nothing is stored. */
import { DataSource } from 'typeorm';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/subscriptions';
const minimal = { name: 'Invoices', url: 'https://hooks.example.com/in', event_types: ['order.*'] };

let server: TestServer;
let existing: string;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '' } });
  const response = await server.asAdmin('POST', path, minimal);
  existing = ((await response.json()) as { id: string }).id;
});

afterAll(async () => {
  await server?.stop();
});

/** All that is stored of subscriptions. */
async function stored(): Promise<unknown> {
  return server.running.app
    .get(DataSource)
    .query(
      `SELECT to_json(s) AS s, (SELECT version FROM subscription_registry) AS version FROM subscriptions s ORDER BY id`,
    );
}

/** The pointers that creation and a change of `members` are refused with; nothing may be stored of either. */
async function refused(members: Record<string, unknown>, patchToo = true): Promise<string[]> {
  const before = await stored();
  const answers = [await server.asAdmin('POST', path, { ...minimal, ...members })];
  if (patchToo) answers.push(await server.asAdmin('PATCH', `${path}/${existing}`, members));
  const pointers = [];
  for (const answer of answers) {
    expect([members, answer.status]).toEqual([members, 400]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
    pointers.push(errors.map(({ pointer }) => pointer));
  }
  expect(await stored()).toEqual(before);
  if (patchToo) expect(pointers[1]).toEqual(pointers[0]);
  return pointers[0] ?? [];
}

/** The pointers of a refusal. */
async function faultsOf(answer: Response): Promise<string[]> {
  expect(answer.status).toBe(400);
  const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
  return errors.map(({ pointer }) => pointer);
}

const hosts = [
  ...['127.0.0.1', 'localhost', '127.1', '0x7f.1', '2130706433', '017700000001', '0', '0.0.0.0', '①②⑦.0.0.1'],
  ...['localhost.', '127.0.0.1.', 'app.localhost', '127。0。0。1', '169.254.169.254', '2852039166', '0xa9fea9fe'],
  ...['[::]', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[::7f00:1]'],
  ...['[fd00:ec2::254]', '[fe80::1]', '[fc00::1]', '[ff02::1]', '[2001:db8::1]', '[::ffff:169.254.169.254]'],
  ...['100.64.0.1', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '198.18.0.1', '224.0.0.1', '240.0.0.1'],
  ...['255.255.255.255', '192.0.2.1', '203.0.113.7', 'metadata.google.internal', 'metadata', 'database', 'db.internal'],
];

describe('E-01: a URL that must not be called', () => {
  it.each(hosts)('%s', async (host) => {
    for (const url of [`http://${host}/`, `https://${host}/`, `https://${host}:8443/x`]) {
      expect([url, await refused({ url })]).toEqual([url, ['/url']]);
    }
  });

  it.each([
    ...['https://hooks.example.com:22/', 'https://hooks.example.com:25/', 'https://hooks.example.com:5432/'],
    ...['https://hooks.example.com:6379/', 'http://hooks.example.com/', 'http://hooks.example.com:443/'],
    ...['https://user:pass@hooks.example.com/', 'https://user@hooks.example.com/', 'https://@127.0.0.1/'],
    ...[
      'file:///etc/passwd',
      'gopher://hooks.example.com/',
      'unix:/run/x.sock',
      'data:text/plain,x',
      'ftp://a.example/',
    ],
    ...['javascript:alert(1)', '//hooks.example.com/', '/in', 'hooks.example.com', '', ' ', 'https://', 'https:///x'],
    ...['https://hooks.example.com/#part', 'https://hooks example.com/', 'https://hooks.example.com:0/'],
    ...[`https://hooks.example.com/${'x'.repeat(3_000)}`, 'https://hooks.example.com./', 'https://h%00.example.com/'],
  ])('%s', async (url) => {
    expect(await refused({ url })).toEqual(['/url']);
  });

  it('of this server itself, by name, by address and through its issuer', async () => {
    const { port } = new URL(server.issuer);
    for (const url of [
      server.issuer,
      `http://localhost:${port}/x`,
      `http://[::1]:${port}/`,
      `http://0.0.0.0:${port}/`,
    ]) {
      expect(await refused({ url })).toEqual(['/url']);
    }
  });

  it('brought along with a test or a rotation', async () => {
    for (const action of ['test', 'rotate-secret']) {
      const before = await stored();
      const response = await server.asAdmin('POST', `${path}/${existing}/${action}`, { url: 'http://127.0.0.1/' });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: '/url' }] });
      expect(await stored()).toEqual(before);
    }
  });

  it('of another type than text', async () => {
    for (const url of [1, true, {}, ['https://hooks.example.com/']]) expect(await refused({ url })).toEqual(['/url']);
  });
});

describe('E-01: with listed networks', () => {
  let listed: TestServer;

  beforeAll(async () => {
    listed = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  });

  afterAll(async () => {
    await listed?.stop();
  });

  it('http reaches into them, and still not to this server, whatever its spelling', async () => {
    const { port } = new URL(listed.issuer);
    const status = async (url: string) => (await listed.asAdmin('POST', path, { ...minimal, url })).status;
    expect(await status('http://127.0.0.1:9/hook')).toBe(201);
    for (const host of [
      '127.0.0.1',
      'localhost',
      '127.1',
      '2130706433',
      '[::ffff:127.0.0.1]',
      '127.0.0.2',
      '0.0.0.0',
    ]) {
      expect([host, await status(`http://${host}:${port}/hook`)]).toEqual([host, 400]);
    }
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'https://10.0.0.1/', 'http://8.8.8.8/']) {
      expect([url, await status(url)]).toEqual([url, 400]);
    }
  });

  it('of this machine, only its names are inside', async () => {
    for (const url of ['http://localhost:9/', 'https://hooks.localhost:2525/', 'https://example.com/']) {
      expect([url, (await listed.asAdmin('POST', path, { ...minimal, url })).status]).toEqual([url, 201]);
    }
    for (const url of [
      ...['http://example.com/hook', 'http://example.com:443/', 'https://example.com:22/', 'https://example.com:25/'],
      ...['http://billing:8080/', 'https://billing/', 'https://billing.internal/'],
    ]) {
      expect([url, await faultsOf(await listed.asAdmin('POST', path, { ...minimal, url }))]).toEqual([url, ['/url']]);
    }
    const clients = '/admin/oauth/clients';
    for (const uri of ['http://example.com/jwks', 'https://example.com:25/jwks']) {
      const members = { client_name: 'a', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: uri };
      expect([uri, await faultsOf(await listed.asAdmin('POST', clients, members))]).toEqual([uri, ['/jwks_uri']]);
    }
  });
});

describe('E-01: with listed networks beside this machine', () => {
  let listed: TestServer;

  beforeAll(async () => {
    listed = await startServer({ env: { EVENT_TARGET_NETWORKS: '10.0.0.0/8' } });
  });

  afterAll(async () => {
    await listed?.stop();
  });

  it('a name that is not found in them is refused, unless it was there before', async () => {
    const url = 'http://gone.invalid/hook';
    expect(await faultsOf(await listed.asAdmin('POST', path, { ...minimal, url }))).toEqual(['/url']);
    const jwks = { client_name: 'a', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: url };
    expect(await faultsOf(await listed.asAdmin('POST', '/admin/oauth/clients', jwks))).toEqual(['/jwks_uri']);
    const { id } = (await (await listed.asAdmin('POST', path, minimal)).json()) as { id: string };
    expect(await faultsOf(await listed.asAdmin('PATCH', `${path}/${id}`, { url }))).toEqual(['/url']);
    await listed.running.app.get(DataSource).query('UPDATE subscriptions SET url = $1 WHERE id = $2', [url, id]);
    const answer = await listed.asAdmin('PATCH', `${path}/${id}`, { url, max_in_flight: 3 });
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ url, max_in_flight: 3 })]);
  });
});

describe('E-11: what could become a header, or end one', () => {
  it.each(['\r', '\n', '\r\nX-Evil: 1', '\0', '\u007f', '\u0085'])('%j', async (piece) => {
    expect(await refused({ name: `a${piece}b` })).toEqual(['/name']);
    expect(await refused({ source: `a${piece}b` })).toEqual(['/source']);
    expect(await refused({ url: `https://hooks.example.com/a${piece}b` })).toEqual(['/url']);
    expect(await refused({ event_types: ['a.b', `a${piece}b`] })).toEqual(['/event_types/1']);
    expect(await refused({ headers: { 'X-A': `a${piece}b` } })).toEqual(['/headers/X-A']);
    expect(await refused({ headers: { [`X${piece}A`]: 'b' } })).toHaveLength(1);
  });

  it.each([
    ...['Host', 'authorization', 'AUTHORIZATION', 'Proxy-Authorization', 'Cookie', 'Set-Cookie', 'Content-Type'],
    ...['content-length', 'Content-Encoding', 'webhook-id', 'Webhook-Signature', 'webhook-anything', 'Connection'],
    ...['Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Expect', 'Accept-Encoding', 'Forwarded'],
    ...['X-Forwarded-For', 'x-real-ip', 'Client-Cert', 'Metadata-Flavor', 'X-aws-ec2-metadata-token', 'traceparent'],
    ...['X-HTTP-Method-Override', 'DPoP', 'ce-id', 'Sec-Fetch-Site', 'Proxy-Connection', 'HTTP2-Settings'],
    ...['', ' X', 'X A', 'X:', 'Ä', 'X\u2028', 'x'.repeat(65)],
  ])('the header %j', async (name) => {
    expect(await refused({ headers: { [name]: 'x' } })).toEqual([`/headers/${name}`]);
  });

  it.each(['', ' a', 'a ', 'ä', '\t', 'x'.repeat(1_025), 1, true, {}, []])(
    'the value %j of a header',
    async (value) => {
      expect(await refused({ headers: { 'X-A': value } })).toEqual(['/headers/X-A']);
    },
  );

  it('one header twice, in another case, and too many', async () => {
    expect(await refused({ headers: { 'X-A': '1', 'x-a': '2' } })).toEqual(['/headers/x-a']);
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`X-${n}`, '1']));
    expect(await refused({ headers: many })).toEqual(['/headers']);
  });
});

describe('M-09: members that are not anybody to set', () => {
  it.each([
    ...['id', 'signing_secret', 'secret', 'secrets', 'created_at', 'updated_at', 'created_by', 'paused_reason'],
    ...['version', 'deleted_at', 'tenant_id', 'is_admin', 'foo', 'toString', 'eventTypes', 'retry_backoff_seconds'],
  ])('%s', async (member) => {
    expect(await refused({ [member]: 'x' })).toEqual([`/${member}`]);
  });

  it('inside of members', async () => {
    expect(await refused({ retry: { foo: 1 } })).toEqual(['/retry/foo']);
    expect(await refused({ auth: { 'a/b~': 1 } })).toEqual(['/auth/a~1b~0']);
    expect(await refused({ filter: { foo: [{ like: 'x' }] } })).toEqual(['/filter/foo/0/like']);
  });

  it('prototypes', async () => {
    for (const member of ['__proto__', 'constructor', 'prototype']) {
      for (const text of [`{"${member}":{}}`, `{"headers":{"${member}":"x"}}`, `{"filter":{"${member}":[1]}}`]) {
        const response = await server.fetch(`${path}/${existing}`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
          body: text,
        });
        expect([text, response.status]).toEqual([text, 400]);
      }
    }
  });
});

describe('values out of bounds', () => {
  it.each<[string, unknown, string?]>([
    ...([0, 99, 30_001, 1.5, '100', true].map((value) => ['timeout_ms', value]) as [string, unknown][]),
    ...([0, 101, -1, 1e9].map((value) => ['max_in_flight', value]) as [string, unknown][]),
    ...([0, 10_001, -1].map((value) => ['rate_limit_per_second', value]) as [string, unknown][]),
    ...(['', ' ', 'x'.repeat(201), null, 1].map((value) => ['name', value]) as [string, unknown][]),
    ...(['fifo', '', 1].map((value) => ['ordering', value]) as [string, unknown][]),
    ...(['disabled', '', 1].map((value) => ['status', value]) as [string, unknown][]),
    ...(['', 'x'.repeat(1_025), 1].map((value) => ['source', value]) as [string, unknown][]),
    ...([[], null, 'a', {}, Array(101).fill('a')].map((value) => ['event_types', value]) as [string, unknown][]),
    ...(['*a', 'a*', 'a.*.b', '**', 'a.**', '.*', '', 'x'.repeat(256), 1].map((type) => [
      ...['event_types', [type], '/event_types/0'],
    ]) as [string, unknown, string][]),
    ...([{}, Array(21).fill(1), 'x', 1].map((value) => [
      ...['retry', { backoff_seconds: value }, '/retry/backoff_seconds'],
    ]) as [string, unknown, string][]),
    ...([-1, 86_401, 1.5, '1', null].map((value) => [
      ...['retry', { backoff_seconds: [1, value] }, '/retry/backoff_seconds/1'],
    ]) as [string, unknown, string][]),
    ['retry', 1],
    ['headers', []],
    ['filter', [], '/filter'],
    ['filter', { 'data.x': 1 }, '/filter/data.x'],
    ['filter', { 'data.x': [] }, '/filter/data.x'],
    ['filter', { 'subject.x': [1] }, '/filter/subject.x'],
    ['auth', 'none'],
    ['auth', { type: 'basic' }, '/auth/type'],
    ['auth', { scope: 'read:profile' }, '/auth/scope'],
    ['auth', { type: 'oauth2' }, '/client_id'],
    ['client_id', 'nobody'],
    ['client_id', "x' OR 1=1"],
  ])('%s: %j', async (member, value, pointer = `/${member}`) => {
    expect(await refused({ [member]: value })).toEqual([pointer]);
  });

  it('what is missing', async () => {
    for (const member of ['name', 'url', 'event_types']) {
      const response = await server.asAdmin('POST', path, { ...minimal, [member]: undefined });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: `/${member}` }] });
    }
  });

  it('what belongs to the other way of delivery', async () => {
    const poll = { delivery: 'poll', url: null };
    expect(await refused({ delivery: 'poll', url: minimal.url })).toEqual(['/url']);
    expect(await refused({ ...poll, headers: { 'X-A': '1' } })).toEqual(['/headers']);
    expect(await refused({ ...poll, auth: { type: 'oauth2' } })).toEqual(['/auth/type']);
  });
});
