/**
 * The attack checks J-01 to J-23, and what say of assertions: an assertion that is not right in every point opens
 * nothing, is not used up, and makes the server call nobody.
 */
import { createHmac, createPublicKey } from 'node:crypto';
import { decodeJwt } from 'jose';
import { ClientUsage } from '../../src/clients/index.js';
import {
  type AssertionMembers,
  assertionOf,
  jwtBearer,
  type KeyedClient,
  keyedClient,
  requestWith,
} from '../support/client-assertion.js';
import { jwsPart, signParts } from '../support/dpop.js';
import { canarySink, httpSink, type Sink } from '../support/egress.js';
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
/** A second process on the same database. */
let second: TestServer;
let ledger: Ledger;
let canary: Sink;
let a: Credentials;
let k: KeyedClient;
let k2: KeyedClient;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  second = await startServer({ beside: server });
  ledger = await Ledger.open(server, second);
  canary = await canarySink();
  a = await server.createClient({ client_name: 'A', scope: 'read:profile' });
  k = await keyedClient(server);
  k2 = await keyedClient(server);
});

afterAll(async () => {
  await canary?.close();
  await ledger?.close();
  await second?.stop();
  await server?.stop();
});

afterEach(async () => {
  expect((await requestWith(server, assertionOf(k, server.issuer))).status).toBe(200);
});

function usedUp(): Promise<unknown[]> {
  return ledger.rows('SELECT count(*)::int FROM single_use');
}

/** Sends an assertion that must be refused without a trace, its own identifier included, for `reason`. */
async function refused(assertion: string, reason?: string): Promise<void> {
  const before = await usedUp();
  const send = () => requestWith(server, assertion);
  const { response, entry } = await ledger.refused(send, [assertion, assertion.split('.')[2] ?? assertion]);
  expect(entry).toMatchObject({ action: 'token.denied', error: 'invalid_client' });
  if (reason !== undefined) expect(entry.details).toMatchObject({ reason });
  await expectInvalidClient(response);
  expect(await usedUp()).toEqual(before);
}

const good = (members: AssertionMembers = {}) => assertionOf(k, server.issuer, members);

describe('J-01, J-03 the audience', () => {
  it.each<[string, (issuer: string) => unknown]>([
    ['the token endpoint', (issuer) => `${issuer}/oauth/token`],
    ['a slash behind', (issuer) => `${issuer}/`],
    ['upper case', (issuer) => issuer.toUpperCase()],
    ['another port', (issuer) => `${issuer.replace(/:\d+$/, '')}:443`],
    ['percent-encoded', (issuer) => issuer.replace('127', '%3127')],
    ['another name of the host', (issuer) => issuer.replace('127.0.0.1', 'localhost')],
    ['the issuer among others', (issuer) => [issuer, 'https://other.example']],
  ])('%s', async (_, aud) => {
    await refused(good({ claims: { aud: aud(server.issuer) } }), 'assertion_audience');
  });
});

describe('J-05, J-07 an assertion is used once', () => {
  it('50 copies at once on two processes: one token', async () => {
    const assertion = good();
    const before = await ledger.rows('SELECT jti FROM access_tokens WHERE client_id = $1', [k.client_id]);
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, i) => requestWith(i % 2 === 0 ? server : second, assertion)),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    for (const response of responses) if (response.status !== 200) await expectInvalidClient(response);
    const after = await ledger.rows('SELECT jti FROM access_tokens WHERE client_id = $1', [k.client_id]);
    expect(after).toHaveLength(before.length + 1);
    const { jti } = decodeJwt(assertion);
    const uses = await ledger.rows(`SELECT 1 FROM single_use WHERE owner = $1 AND hash = sha256($2::text::bytea)`, [
      k.client_id,
      jti,
    ]);
    expect(uses).toHaveLength(1);
  });

  it('again, later and on the other process, at every endpoint', async () => {
    const assertion = good();
    expect((await requestWith(server, assertion)).status).toBe(200);
    await expectInvalidClient(await requestWith(second, assertion));
    await expectInvalidClient(await requestWith(server, assertion));
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      const body = new URLSearchParams({ token: 'x', client_assertion_type: jwtBearer, client_assertion: assertion });
      await expectInvalidClient(await second.fetch(path, { method: 'POST', body }));
    }
    const { entries } = await ledger.entriesOf(() => requestWith(server, assertion));
    expect(entries).toEqual([
      expect.objectContaining({ details: expect.objectContaining({ reason: 'assertion_replayed' }) }),
    ]);
  });

  it('another client may use the same jti', async () => {
    const claims = { jti: 'shared-by-two' };
    expect((await requestWith(server, good({ claims }))).status).toBe(200);
    expect((await requestWith(server, assertionOf(k2, server.issuer, { claims }))).status).toBe(200);
    await expectInvalidClient(await requestWith(server, good({ claims })));
  });
});

describe('J-09 exp', () => {
  const in60 = () => Math.floor(Date.now() / 1000) + 60;

  it.each<[string, () => unknown]>([
    ['missing', () => undefined],
    ['a text', () => String(in60())],
    ['null', () => null],
    ['below zero', () => -in60()],
    ['with a fraction', () => in60() + 0.5],
    ['a list', () => [in60()]],
    ['too late', () => in60() + 3_600],
  ])('%s', async (_, exp) => {
    await refused(good({ claims: { exp: exp() } }));
  });

  it('beyond all numbers', async () => {
    const [head = '', body = ''] = good().split('.');
    const text = Buffer.from(body, 'base64url').toString();
    await refused(
      signParts(`${head}.${jwsPart(text.replace(/"exp":\d+/, '"exp":1e400'))}`, k.key),
      'assertion_malformed',
    );
  });
});

describe('J-11 whom it speaks for', () => {
  it('iss and sub differ, or both are somebody else', async () => {
    await refused(good({ claims: { iss: k2.client_id } }), 'assertion_issuer');
    await refused(good({ claims: { iss: k2.client_id, sub: k2.client_id } }), 'assertion_signature');
    await refused(good({ claims: { iss: a.client_id, sub: a.client_id } }), 'wrong_auth_method');
    await refused(good({ claims: { iss: 'nobody', sub: 'nobody' } }), 'unknown_client');
  });

  it('another client_id in the body', async () => {
    const before = await usedUp();
    const { response } = await ledger.refused(() => requestWith(server, good(), { client_id: k2.client_id }));
    await expectOAuthError(response, 400, 'invalid_request');
    expect(await usedUp()).toEqual(before);
  });
});

describe('J-13, J-15, J-17 the header', () => {
  it('HS256 keyed with what is public', async () => {
    const pem = createPublicKey(k.key.privateKey).export({ type: 'spki', format: 'pem' }).toString();
    const input = `${jwsPart({ alg: 'HS256', kid: k.jwk['kid'] })}.${good().split('.')[1]}`;
    for (const secret of [pem, `\n${pem}`, JSON.stringify(k.jwk), '']) {
      await refused(
        `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`,
        'assertion_algorithm',
      );
    }
    await refused(good({ header: { alg: 'none' } }), 'assertion_algorithm');
  });

  it('a key, or a place to find one, leads nowhere', async () => {
    const url = `http://127.0.0.1:${canary.port}/jwks`;
    const evil = { ...k, key: k2.key };
    for (const header of [{ jwk: k2.key.jwk }, { jku: url }, { x5u: url }, { x5c: ['AAAA'] }]) {
      await refused(assertionOf(evil, server.issuer, { header }), 'assertion_header');
      await refused(good({ header }), 'assertion_header');
    }
    expect(canary.connections).toBe(0);
  });

  it('crit and b64', async () => {
    for (const header of [{ crit: ['x'], x: 1 }, { crit: [] }, { crit: ['b64'], b64: false }, { b64: false }]) {
      await refused(good({ header }), 'assertion_header');
    }
  });
});

describe('J-19 what is no strict JSON', () => {
  it.each<[string, (claims: string) => string | Buffer]>([
    ['aud twice', (claims) => `{"aud":"x",${claims.slice(1)}`],
    ['a byte order mark', (claims) => `\uFEFF${claims}`],
    ['UTF-16', (claims) => Buffer.from(claims, 'utf16le')],
    ['1,000 deep', (claims) => `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)},${claims.slice(1)}`],
    ['45 kB', (claims) => `{"a":"${'x'.repeat(45_000)}",${claims.slice(1)}`],
  ])('%s', async (_, change) => {
    const [head = '', body = ''] = good().split('.');
    const payload = Buffer.from(change(Buffer.from(body, 'base64url').toString())).toString('base64url');
    await refused(signParts(`${head}.${payload}`, k.key), 'assertion_malformed');
  });
});

describe('A-03, J-21 beside other credentials, or without its type', () => {
  it.each<[string, (assertion: string) => [Record<string, string>, Record<string, string>?]]>([
    [
      'Basic',
      (client_assertion) => [{ client_assertion, client_assertion_type: jwtBearer }, { authorization: basic(a) }],
    ],
    ['a secret', (client_assertion) => [{ client_assertion, client_assertion_type: jwtBearer, client_secret: 'x' }]],
    ['no type', (client_assertion) => [{ client_assertion }]],
    ['a wrong type', (client_assertion) => [{ client_assertion, client_assertion_type: 'jwt' }]],
    [
      'SAML',
      (client_assertion) => [
        { client_assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
      ],
    ],
  ])('%s', async (_, request) => {
    const assertion = good();
    const [parameters, headers = {}] = request(assertion);
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...parameters });
    const send = () => server.fetch('/oauth/token', { method: 'POST', headers, body });
    const { response } = await ledger.refused(send, [assertion]);
    await expectOAuthError(response, 400, 'invalid_request');
    expect((await requestWith(server, assertion)).status).toBe(200);
  });
});

describe('A-01, A-11 the client', () => {
  it('disabled, enabled and deleted', async () => {
    const client = await keyedClient(server);
    const path = `/admin/oauth/clients/${client.client_id}`;
    await server.asAdmin('PATCH', path, { status: 'disabled' });
    await refused(assertionOf(client, server.issuer), 'client_disabled');
    await server.asAdmin('PATCH', path, { status: 'active' });
    expect((await requestWith(second, assertionOf(client, server.issuer))).status).toBe(200);
    await server.asAdmin('DELETE', path);
    await refused(assertionOf(client, server.issuer), 'unknown_client');
    await expectInvalidClient(await requestWith(second, assertionOf(client, server.issuer)));
  });

  it('from another network', async () => {
    const client = await keyedClient(server, 'ES256', { allowed_networks: ['10.0.0.0/8'] });
    await refused(assertionOf(client, server.issuer), 'network_not_allowed');
  });

  it('last_used_at is written for a client without a secret', async () => {
    const client = await keyedClient(server, 'EdDSA');
    expect((await requestWith(server, assertionOf(client, server.issuer))).status).toBe(200);
    await server.running.app.get(ClientUsage, { strict: false }).flush(0);
    const response = await server.asAdmin('GET', `/admin/oauth/clients/${client.client_id}`);
    expect(await response.json()).toMatchObject({ last_used_at: expect.any(String), secrets: [] });
  });
});

describe('J-23 keys at a jwks_uri', () => {
  let keys: unknown[] = [];
  let isUp = true;
  let sink: Sink;
  let remote: KeyedClient;

  beforeAll(async () => {
    sink = await httpSink((_, response) => {
      if (isUp) response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }));
      else response.destroy();
    });
    const jwks_uri = `http://127.0.0.1:${sink.port}/jwks.json`;
    remote = await keyedClient(server, 'ES256', { jwks: undefined, jwks_uri });
    keys = [remote.jwk];
  });

  afterAll(() => sink?.close());

  it('are fetched once, for somebody whose assertion is right in all but that', async () => {
    await refused(assertionOf(remote, `${server.issuer}/`), 'assertion_audience');
    await refused(assertionOf({ ...remote, client_id: 'nobody' }, server.issuer), 'unknown_client');
    expect(sink.connections).toBe(0);
    const responses = await Promise.all(
      Array.from({ length: 10 }, () => requestWith(server, assertionOf(remote, server.issuer))),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(sink.connections).toBe(1);
  });

  it('a new one is found at once, and another one is none', async () => {
    const next = { ...remote, key: k2.key, jwk: k2.jwk };
    await refused(assertionOf({ ...next, jwk: remote.jwk }, server.issuer), 'assertion_signature');
    keys = [remote.jwk, next.jwk];
    expect((await requestWith(server, assertionOf(next, server.issuer))).status).toBe(200);
    isUp = false;
    expect((await requestWith(server, assertionOf(remote, server.issuer))).status).toBe(200);
    await refused(assertionOf(remote, server.issuer, { header: { kid: 'unheard-of' } }), 'assertion_signature');
    const elsewhere = await requestWith(second, assertionOf(remote, server.issuer));
    await expectInvalidClient(elsewhere);
  });
});
