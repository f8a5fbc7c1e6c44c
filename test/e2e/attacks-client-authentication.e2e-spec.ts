/**
 * The attack checks A-*: who is not let in learns nothing, leaves one line in the audit log, and moves nothing.
 */
import { randomBytes } from 'node:crypto';
import { Postgres } from '../../src/database/index.js';
import { failureBudgets } from '../../src/limits/index.js';
import { rawRequest } from '../support/raw-http.js';
import { expectBadToken, expectInvalidClient, expectOAuthError, expectProblem, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const clientsPath = '/admin/oauth/clients';

let server: TestServer;
let ledger: Ledger;
let a: Credentials;

beforeAll(async () => {
  const BOOTSTRAP_CLIENT_SECRET = `a+b%41:"c"&d=e\\f/g~${randomBytes(16).toString('base64')}`;
  server = await startServer({ env: { BOOTSTRAP_CLIENT_SECRET } });
  ledger = await Ledger.open(server);
  a = await server.createClient({ client_name: 'A', scope: 'read:profile' });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

afterEach(async () => {
  expect((await server.requestToken(a)).status).toBe(200);
});

function post(parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...parameters });
  return server.fetch('/oauth/token', { method: 'POST', headers, body });
}

function withAuthorization(authorization: string): Promise<Response> {
  return post({}, { authorization });
}

function encoded(clear: string | Uint8Array): string {
  return `Basic ${Buffer.from(clear as string).toString('base64')}`;
}

/** A refused request that tells nobody the secret of A, nor any other text of `secrets`. */
async function refused(send: () => Promise<Response>, secrets: readonly string[] = []): Promise<Response> {
  const { response, entry } = await ledger.refused(send, [a.client_secret, basic(a), ...secrets]);
  expect(entry.action).toBe('token.denied');
  return response;
}

async function disable(clientId: string, status: 'active' | 'disabled' = 'disabled'): Promise<void> {
  expect((await server.asAdmin('PATCH', `${clientsPath}/${clientId}`, { status })).status).toBe(200);
}

/** Every way not to be authenticated, by the word that the audit log has for it. */
async function failures(): Promise<Record<string, () => Promise<Response>>> {
  const unknown = { client_id: 'nobody', client_secret: a.client_secret };
  const disabled = await server.createClient({ client_name: 'disabled' });
  await disable(disabled.client_id);
  const expired = await server.createClient({ client_name: 'expired' });
  await server.asAdmin('POST', `${clientsPath}/${expired.client_id}/regenerate-secret`, { overlap_seconds: 3600 });
  await ledger.rows(
    `UPDATE client_secrets SET expires_at = now() - interval '1 second' WHERE client_id = $1 AND expires_at IS NOT NULL`,
    [expired.client_id],
  );
  const elsewhere = await server.createClient({ client_name: 'elsewhere', allowed_networks: ['10.0.0.0/8'] });
  const otherMethod = await server.createClient({ client_name: 'other method' });
  await ledger.rows(
    `UPDATE clients SET token_endpoint_auth_method = 'private_key_jwt', version = version + 1 WHERE client_id = $1`,
    [otherMethod.client_id],
  );
  const wrong = { ...a, client_secret: `${a.client_secret.slice(0, -1)}_` };
  return {
    unknown_client: () => server.requestToken(unknown),
    wrong_secret: () => server.requestToken(wrong),
    client_disabled: () => server.requestToken(disabled),
    secret_expired: () => server.requestToken(expired),
    network_not_allowed: () => server.requestToken(elsewhere),
    wrong_auth_method: () => server.requestToken(otherMethod),
  };
}

/** The answer without what differs from request to request. */
async function shapeOf(response: Response): Promise<unknown> {
  const headers = Object.fromEntries(response.headers);
  delete headers['x-request-id'];
  delete headers['date'];
  return { status: response.status, headers, body: await response.text() };
}

describe('A-01 nobody learns why', () => {
  it('the answers are the same bytes, the reasons differ in the audit log only', async () => {
    const shapes: unknown[] = [];
    for (const [reason, send] of Object.entries(await failures())) {
      const { response, entry } = await ledger.refused(send, [a.client_secret]);
      expect(entry).toMatchObject({ action: 'token.denied', error: 'invalid_client', details: { reason } });
      expect(entry.ip_address).toBe('127.0.0.1');
      await expectInvalidClient(response);
      shapes.push(await shapeOf(response));
    }
    const others: [string, () => Promise<Response>][] = [
      ['no_credentials', () => post({})],
      ['no_credentials', () => post({ client_id: a.client_id })],
      ['malformed_credentials', () => withAuthorization('Basic !')],
      ['unsupported_scheme', () => withAuthorization('Negotiate abc=')],
      ['assertion_malformed', () => post({ client_assertion: 'a.b.c', client_assertion_type: assertionType })],
    ];
    for (const [reason, send] of others) {
      const { response, entry } = await ledger.refused(send);
      expect(entry.details).toMatchObject({ reason });
      await expectInvalidClient(response);
      shapes.push(await shapeOf(response));
    }
    for (const shape of shapes) expect(shape).toEqual(shapes[0]);
  });

  it('each takes the same questions to the database', async () => {
    const sends = Object.values(await failures());
    for (const send of sends) await send();
    const asked = jest.spyOn(server.running.app.get(Postgres), 'query');
    const traces: string[][] = [];
    for (const send of sends) {
      // Scheduled work asks in between, but not each time: what a request asks is what is asked whenever it is sent.
      const rounds: string[][] = [];
      for (let round = 0; round < 3; round += 1) {
        asked.mockClear();
        await send();
        rounds.push(asked.mock.calls.map(([{ name }]) => name));
      }
      traces.push(askedEachTime(rounds));
    }
    asked.mockRestore();
    for (const trace of traces) expect(trace).toEqual(traces[0]);
    expect(traces[0]).toContain('client_snapshots');
  });
});

describe('A-03 two ways of authenticating at once', () => {
  const bodySecret = () => ({ client_id: a.client_id, client_secret: a.client_secret });
  const assertion = { client_assertion: 'a.b.c', client_assertion_type: assertionType };

  it.each<[string, () => Promise<Response>]>([
    ['Basic and body, both right', () => post(bodySecret(), { authorization: basic(a) })],
    [
      'Basic and a body secret without client_id',
      () => post({ client_secret: a.client_secret }, { authorization: basic(a) }),
    ],
    ['Basic and an empty body secret', () => post({ client_secret: '' }, { authorization: basic(a) })],
    ['wrong Basic and right body', () => post(bodySecret(), { authorization: encoded('x:y') })],
    ['Basic and assertion', () => post(assertion, { authorization: basic(a) })],
    ['Basic and an empty assertion', () => post({ client_assertion: '' }, { authorization: basic(a) })],
    [
      'Basic and only an assertion type',
      () => post({ client_assertion_type: assertionType }, { authorization: basic(a) }),
    ],
    ['body and assertion', () => post({ ...bodySecret(), ...assertion })],
    ['body and an empty assertion', () => post({ ...bodySecret(), client_assertion: '' })],
    ['another client_id in the body', () => post({ client_id: 'admin' }, { authorization: basic(a) })],
  ])('%s', async (_, send) => {
    await expectOAuthError(await refused(send), 400, 'invalid_request');
  });

  it('the same client_id beside Basic is no second way', async () => {
    expect((await post({ client_id: a.client_id }, { authorization: basic(a) })).status).toBe(200);
    expect((await post({ client_id: '' }, { authorization: basic(a) })).status).toBe(200);
  });

  it.each([
    ['twice the same', (right: string) => [right, right]],
    ['the wrong one first', (right: string) => [encoded('admin:x'), right]],
    ['the wrong one last', (right: string) => [right, encoded('admin:x')]],
    ['a bearer token behind', (right: string) => [right, 'Bearer a.b.c']],
  ])('two Authorization fields, %s', async (_, values) => {
    const send = () => {
      return rawRequest(server.issuer, [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        'Content-Type: application/x-www-form-urlencoded',
        ...values(basic(a)).map((value) => `Authorization: ${value}`),
        'Content-Length: 29',
        '',
        'grant_type=client_credentials',
      ]);
    };
    await expectOAuthError(await refused(send), 400, 'invalid_request');
  });

  it.each([
    ['a wrong assertion type', { client_assertion: 'a.b.c', client_assertion_type: 'urn:x' }],
    ['no assertion type', { client_assertion: 'a.b.c' }],
    [
      'SAML',
      { client_assertion: 'a', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
    ],
    ['no assertion', { client_assertion_type: assertionType }],
  ])('J-21 %s', async (_, parameters) => {
    await expectOAuthError(await refused(() => post(parameters)), 400, 'invalid_request');
  });
});

describe('A-05 Basic is read strictly', () => {
  const pair = () => `${a.client_id}:${a.client_secret}`;
  const base64 = () => Buffer.from(pair()).toString('base64');

  it.each([
    ['lower case', () => `basic ${base64()}`],
    ['upper case', () => `BASIC ${base64()}`],
    ['both halves form-encoded throughout', () => encoded(pair().replaceAll(/[^:]/g, percent))],
  ])('%s is Basic', async (_, authorization) => {
    expect((await withAuthorization(authorization())).status).toBe(200);
  });

  it.each<[string, () => string]>([
    ['no credentials', () => 'Basic'],
    ['a blank', () => 'Basic  '],
    ['no colon', () => encoded(`${a.client_id}${a.client_secret}`)],
    ['no identifier', () => encoded(`:${a.client_secret}`)],
    ['no secret', () => encoded(`${a.client_id}:`)],
    ['not base64', () => `Basic ${pair()}`],
    ['a foreign character behind', () => `Basic ${base64()}!`],
    ['a foreign character inside', () => `Basic ${base64().slice(0, 8)}*${base64().slice(8)}`],
    ['base64url', () => `Basic ${Buffer.from(`${pair()}\u00ff\u00fe?>`).toString('base64url')}`],
    ['a blank inside', () => `Basic ${base64().slice(0, 8)} ${base64().slice(8)}`],
    ['two blanks in front', () => `Basic  ${base64()}`],
    ['a tab in front', () => `Basic\t${base64()}`],
    ['padding too much', () => `Basic ${base64()}====`],
    ['padding in the middle', () => `Basic ${encodedHalf(`${a.client_id}:`)}${encodedHalf(a.client_secret)}`],
    ['a trailing NUL', () => encoded(`${pair()}\0`)],
    ['a trailing line feed', () => encoded(`${pair()}\n`)],
    ['no UTF-8', () => encoded(Uint8Array.from([...Buffer.from(pair()), 0xff]))],
    ['a broken escape', () => encoded(`${pair()}%zz`)],
    ['overlong UTF-8 in an escape', () => encoded(`${pair()}%C0%80`)],
    ['a parameter behind', () => `Basic ${base64()};charset=utf-8`],
    ['no blank', () => `Basic${base64()}`],
  ])('%s', async (_, authorization) => {
    const response = await refused(() => withAuthorization(authorization()));
    expect([400, 401]).toContain(response.status);
    if (response.status === 401) await expectInvalidClient(response);
    else await expectOAuthError(response, 400, 'invalid_request');
  });

  it('stray bits in the last group are another spelling of the same secret, and refused', async () => {
    for (const padding of ['', 'x', 'xx']) {
      const client = await server.createClient({ client_name: 'S', client_id: `stray-${padding}${randomId()}` });
      const right = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
      const end = right.indexOf('=');
      if (end < 0) continue;
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
      const next = alphabet[alphabet.indexOf(right[end - 1] ?? '') + 1] ?? '';
      const stray = right.slice(0, end - 1) + next + right.slice(end);
      expect(Buffer.from(stray, 'base64')).toEqual(Buffer.from(right, 'base64'));
      await expectInvalidClient(await withAuthorization(`Basic ${stray}`));
      expect((await withAuthorization(`Basic ${right}`)).status).toBe(200);
    }
  });

  it('both halves are form-decoded, as RFC 6749 §2.3.1 says', async () => {
    const { client_id, client_secret } = server.admin;
    expect((await server.requestToken(server.admin)).status).toBe(200);
    // As it is, `+` is a blank and `%41` the letter A.
    await expectInvalidClient(await refused(() => withAuthorization(encoded(`${client_id}:${client_secret}`))));
    await expectInvalidClient(
      await refused(() => withAuthorization(basic({ client_id, client_secret: `${client_secret} ` }))),
    );
    expect((await post({ client_id, client_secret })).status).toBe(200);
  });
});

describe('A-07 secrets that are nearly right', () => {
  it.each<[string, (secret: string) => string]>([
    ['without its last character', (secret) => secret.slice(0, -1)],
    ['with a blank behind', (secret) => `${secret} `],
    ['with a blank in front', (secret) => ` ${secret}`],
    ['with NUL behind', (secret) => `${secret}\0`],
    ['in the other case', (secret) => secret.replaceAll(/[a-z]/gi, otherCase)],
    ['twice', (secret) => secret + secret],
    ['72 equal bytes in front', (secret) => `${secret}${'x'.repeat(72)}`],
    ['with a wrong checksum', (secret) => `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`],
    ['only the prefix', (secret) => secret.slice(0, 19)],
    ['10 kB of it', (secret) => secret.repeat(150)],
    ['of another client', () => server.admin.client_secret],
  ])('%s', async (_, alter) => {
    const client_secret = alter(a.client_secret);
    await expectInvalidClient(await refused(() => server.requestToken({ ...a, client_secret }), [client_secret]));
    await expectInvalidClient(await refused(() => post({ client_id: a.client_id, client_secret }), [client_secret]));
  });

  it('the stored hash is no secret', async () => {
    const [row] = await ledger.rows<{ hash: Buffer }>('SELECT hash FROM client_secrets WHERE client_id = $1', [
      a.client_id,
    ]);
    for (const coding of ['hex', 'base64', 'base64url'] as const) {
      const client_secret = row?.hash.toString(coding) ?? '';
      await expectInvalidClient(await refused(() => server.requestToken({ ...a, client_secret })));
    }
  });
});

describe('A-11 the life of a client', () => {
  it('disabled, enabled, deleted: its secret and its tokens follow', async () => {
    const client_id = `life-${randomId()}`;
    const client = await server.createClient({ client_name: 'L', client_id, scope: 'admin:oauth' });
    const token = await server.tokenOf(client);
    const use = (bearer: string) => server.fetch(clientsPath, { headers: { authorization: `Bearer ${bearer}` } });
    expect((await use(token)).status).toBe(200);

    await disable(client_id);
    await expectInvalidClient(await refused(() => server.requestToken(client), [client.client_secret]));
    await expectBadToken(await use(token));

    await disable(client_id, 'active');
    const second = await server.tokenOf(client);
    expect((await use(second)).status).toBe(200);
    await expectBadToken(await use(token));

    expect((await server.asAdmin('DELETE', `${clientsPath}/${client_id}`)).status).toBe(204);
    await expectInvalidClient(await refused(() => server.requestToken(client), [client.client_secret]));
    await expectBadToken(await use(second));
    await expectProblem(await server.asAdmin('POST', clientsPath, { client_name: 'L', client_id }), 409);
  });

  it('a replaced secret is refused at once, one in its overlap is not', async () => {
    const client = await server.createClient({ client_name: 'R' });
    expect((await server.requestToken(client)).status).toBe(200);
    const regenerate = async (overlap_seconds: number) => {
      const path = `${clientsPath}/${client.client_id}/regenerate-secret`;
      return (await (await server.asAdmin('POST', path, { overlap_seconds })).json()) as Credentials;
    };
    const second = await regenerate(60);
    expect((await server.requestToken(client)).status).toBe(200);
    expect((await server.requestToken(second)).status).toBe(200);
    const third = await regenerate(0);
    await expectInvalidClient(await refused(() => server.requestToken(client), [client.client_secret]));
    await expectInvalidClient(await refused(() => server.requestToken(second), [second.client_secret]));
    expect((await server.requestToken(third)).status).toBe(200);
  });
});

describe('A-13 identifiers that are no identifiers', () => {
  it.each([
    `' OR 1=1--`,
    '*)(uid=*',
    '../A',
    '__proto__',
    'constructor',
    '%00',
    'a\0b',
    'x'.repeat(8_000),
    'é',
    '\u{1f511}',
    'A\nB',
    ' admin',
    'ADMIN',
    'admin ',
  ])('%p', async (client_id) => {
    const client = { client_id, client_secret: server.admin.client_secret };
    await expectInvalidClient(await refused(() => server.requestToken(client), [client.client_secret]));
    await expectInvalidClient(await refused(() => post({ ...client }), [client.client_secret]));
  });

  it('no identifier at all', async () => {
    await expectOAuthError(await refused(() => post({ client_secret: a.client_secret })), 400, 'invalid_request');
    await expectInvalidClient(await refused(() => post({ client_id: a.client_id, client_secret: '' })));
  });
});

it('A-15 a bearer token is no client authentication', async () => {
  const token = await server.adminToken();
  const signature = token.split('.')[2] ?? '';
  for (const scheme of ['Bearer', 'bearer', 'DPoP']) {
    await expectInvalidClient(await refused(() => withAuthorization(`${scheme} ${token}`), [signature]));
  }
  await expectInvalidClient(await refused(() => post({ access_token: token }), [signature]));
});

it('both methods of the secret stand in for each other', async () => {
  for (const token_endpoint_auth_method of ['client_secret_basic', 'client_secret_post']) {
    const client = await server.createClient({ client_name: 'M', token_endpoint_auth_method });
    expect((await server.requestToken(client)).status).toBe(200);
    expect((await post({ ...client })).status).toBe(200);
  }
});

describe('the budget of failures', () => {
  const wrong = (client_id: string, headers: Record<string, string> = {}) =>
    withHeaders({ client_id, client_secret: 'wrong' }, headers);

  function withHeaders(credentials: Credentials, headers: Record<string, string>): Promise<Response> {
    return post({}, { ...headers, authorization: basic(credentials) });
  }

  /** Fails until the server has had enough; the first 429 and how many failures went before. */
  async function exhaust(send: (index: number) => Promise<Response>): Promise<{ first: Response; before: number }> {
    for (let before = 0; before < 4 * failureBudgets.clientAndNetwork; before += 1) {
      const response = await send(before);
      if (response.status === 429) return { first: response, before };
      await expectInvalidClient(response);
    }
    throw new Error('the budget has no end');
  }

  it('ends with 429; the client itself and every other client are served on', async () => {
    const victim = await server.createClient({ client_name: 'V' });
    const { first, before } = await exhaust(() => wrong(victim.client_id));
    expect(before).toBeGreaterThanOrEqual(failureBudgets.clientAndNetwork);
    await expectOAuthError(first, 429, 'temporarily_unavailable');
    expect(first.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/);
    expect((await server.requestToken(victim)).status).toBe(200);
    expect((await server.requestToken(a)).status).toBe(200);
    await expectInvalidClient(await wrong(a.client_id));
  });

  it('A-09 is the same for a client that does not exist, whatever address it claims to have', async () => {
    const spoofed = (index: number) => ({
      'x-forwarded-for': `203.0.113.${index % 250}`,
      forwarded: `for=198.51.100.${index % 250}`,
      'x-real-ip': `192.0.2.${index % 250}`,
    });
    const { first } = await exhaust((index) => wrong('nobody-at-all', spoofed(index)));
    await expectOAuthError(first, 429, 'temporarily_unavailable');
    const { entry } = await ledger.refused(() => wrong('nobody-else', spoofed(1)));
    expect(entry.ip_address).toBe('127.0.0.1');
  });
});

it('A-17 a trusted proxy that took the request over plain HTTP', async () => {
  const behind = await startServer({
    beside: server,
    env: { ISSUER: 'https://auth.example', TRUST_PROXY: '127.0.0.0/8' },
  });
  const local = await server.createClient({ client_name: 'N', allowed_networks: ['192.0.2.0/24'] });
  const ask = (client: Credentials, headers: Record<string, string>) =>
    behind.fetch('/oauth/token', {
      method: 'POST',
      headers: { authorization: basic(client), ...headers },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
  try {
    for (const hops of ['http', 'http, https', 'https,http', 'https, ']) {
      await expectOAuthError(await refused(() => ask(a, { 'x-forwarded-proto': hops })), 400, 'invalid_request');
    }
    const served = await ask(a, { 'x-forwarded-proto': 'https' });
    expect(served.status).toBe(200);
    expect(served.headers.get('strict-transport-security')).toMatch(/max-age=\d{7,}/);
    // The address that the proxy saw counts, not what stands in front of it in the list.
    expect((await ask(local, { 'x-forwarded-for': '192.0.2.7' })).status).toBe(200);
    await expectInvalidClient(await ask(local, { 'x-forwarded-for': '192.0.2.7, 203.0.113.9' }));
    await expectInvalidClient(await ask(local, {}));
  } finally {
    await behind.stop();
  }
  // Without TRUST_PROXY the header is only a claim.
  await expectInvalidClient(
    await post({}, { authorization: basic(local), 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7' }),
  );
});

/** The names of the statements that every round has, each as often as the round with the fewest of it; sorted. */
function askedEachTime(rounds: readonly string[][]): string[] {
  const count = (round: readonly string[], name: string): number => round.filter((other) => other === name).length;
  return [...new Set(rounds.flat())]
    .flatMap((name) => Array<string>(Math.min(...rounds.map((round) => count(round, name)))).fill(name))
    .toSorted();
}

function randomId(): string {
  return randomBytes(6).toString('hex');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function encodedHalf(text: string): string {
  const base64 = Buffer.from(text).toString('base64');
  return base64.endsWith('=') ? base64 : Buffer.from(`${text}:`).toString('base64');
}

function otherCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
}
