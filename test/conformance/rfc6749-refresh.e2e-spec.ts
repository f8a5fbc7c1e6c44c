/**
 * RFC 6749, The OAuth 2.0 Authorization Framework: refresh tokens; and what RFC 9700 §4.14 asks beyond it.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §1.5 | a refresh token goes to the authorization server only, never to a resource server | K-15 |
 * | §4.4.3, §5.1 | with the client credentials grant only for a client that is registered for it | who gets one |
 * | §6 | POST, a form, `grant_type` and `refresh_token` REQUIRED | request |
 * | §6 | `scope` must not hold what was not granted; omitted it is what was granted | scope |
 * | §6 | confidential clients authenticate | client authentication |
 * | §6 | the token is bound to the client that it was issued to | R-05 (test/e2e/refresh) |
 * | §6 | a new token replaces the old one, and has the same scope, whatever was asked for this time | rotation; scope |
 * | §5.1 | the answer | answer |
 * | §5.2 | invalid_grant for what is invalid, expired, revoked or another client's | invalid_grant |
 * | §10.4 | tokens cannot be generated, modified or guessed; they are confidential in store | characters; R-11 |
 * | RFC 9700 §4.14.2 | rotation: a token that is used again ends its family | R-01, R-03 (test/e2e/refresh, refresh-races) |
 * | RFC 9700 §4.14.2 | tokens expire when they are not used | R-09 (test/e2e/refresh) |
 * | RFC 8707 §2.2 | `resource` at a refresh: a part of what was granted | resource |
 */
import { decodeJwt } from 'jose';
import { expectBadToken, expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { answerOf, beginFamily, refresh, renewing, tokenIdOf } from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const scope = 'read:profile read:features';
const audience = ['https://api.a', 'https://api.b'];

let server: TestServer;
let ledger: Ledger;
let r: Credentials;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  r = await server.createClient({ client_name: 'R', scope, audience, ...renewing });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function post(form: Record<string, string> | [string, string][], headers: Record<string, string> = {}) {
  return server.fetch('/oauth/token', { method: 'POST', headers, body: new URLSearchParams(form) });
}

describe('§4.4.3, §5.1 who gets one', () => {
  it('a client that has the grant', async () => {
    expect(await beginFamily(server, r)).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 600,
      scope,
      refresh_token: expect.stringMatching(/^signet_rt_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}$/),
    });
  });

  it('and no other', async () => {
    const a = await server.createClient({ client_name: 'A', scope });
    expect(await beginFamily(server, a)).not.toHaveProperty('refresh_token');
  });
});

describe('§6 refreshing', () => {
  it('request: refresh_token is REQUIRED, once, and with a value', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const headers = { authorization: basic(r) };
    const form = { grant_type: 'refresh_token' };
    await expectOAuthError(await post(form, headers), 400, 'invalid_request');
    await expectOAuthError(await post({ ...form, refresh_token: '' }, headers), 400, 'invalid_request');
    const twice: [string, string][] = [
      ...Object.entries(form),
      ['refresh_token', refresh_token],
      ['refresh_token', refresh_token],
    ];
    await expectOAuthError(await post(twice, headers), 400, 'invalid_request');
    await answerOf(await post({ ...form, refresh_token }, headers));
  });

  it('client authentication: as at every token request', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const form = { grant_type: 'refresh_token', refresh_token };
    const { client_id, client_secret } = r;
    await expectInvalidClient(await post(form));
    await expectInvalidClient(await post({ ...form, client_id }));
    await expectInvalidClient(await post(form, { authorization: basic({ client_id, client_secret: 'wrong' }) }));
    await answerOf(await post({ ...form, client_id, client_secret }));
  });

  it('answer: as for every grant, with the next refresh token', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const response = await refresh(server, r, refresh_token);
    expect(response.headers.get('content-type')).toMatch(/^application\/json(; charset=utf-8)?$/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('pragma')).toBe('no-cache');
    const answer = await answerOf(response);
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope,
      refresh_token: expect.stringMatching(/^signet_rt_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}$/),
    });
    expect(answer.refresh_token).not.toBe(refresh_token);
    expect(decodeJwt(answer.access_token)).toMatchObject({
      iss: server.issuer,
      sub: r.client_id,
      client_id: r.client_id,
      aud: audience,
      scope,
    });
  });

  it('rotation: each token once, any number of times', async () => {
    let { refresh_token: next } = await beginFamily(server, r);
    const seen = new Set<string>();
    for (let generation = 0; generation < 5; generation += 1) {
      seen.add(next);
      next = (await answerOf(await refresh(server, r, next))).refresh_token;
    }
    expect(seen.size).toBe(5);
    const rows = await ledger.rows(
      `SELECT generation, used_at IS NOT NULL AS used FROM refresh_tokens
       WHERE family_id = (SELECT family_id FROM refresh_tokens WHERE token_id = $1) ORDER BY generation`,
      [tokenIdOf(next)],
    );
    expect(rows).toEqual([0, 1, 2, 3, 4, 5].map((generation) => ({ generation, used: generation < 5 })));
  });

  it('scope: narrower for this access token, and what was granted for the next one', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const narrower = await answerOf(await refresh(server, r, refresh_token, { scope: 'read:features' }));
    expect(narrower.scope).toBe('read:features');
    expect(decodeJwt(narrower.access_token)['scope']).toBe('read:features');
    expect((await answerOf(await refresh(server, r, narrower.refresh_token))).scope).toBe(scope);
  });

  it('scope: never more than was granted, though the client may have it', async () => {
    const { refresh_token } = await beginFamily(server, r, { scope: 'read:profile' });
    await expectOAuthError(await refresh(server, r, refresh_token, { scope }), 400, 'invalid_scope');
    await expectOAuthError(await refresh(server, r, refresh_token, { scope: 'read:features' }), 400, 'invalid_scope');
    await expectOAuthError(await refresh(server, r, refresh_token, { scope: 'read:"' }), 400, 'invalid_scope');
    expect((await answerOf(await refresh(server, r, refresh_token))).scope).toBe('read:profile');
  });

  it('resource: a part of what was granted, and what was granted for the next one', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const one = await answerOf(await refresh(server, r, refresh_token, { resource: 'https://api.b' }));
    expect(decodeJwt(one.access_token).aud).toBe('https://api.b');
    const all = await answerOf(await refresh(server, r, one.refresh_token));
    expect(decodeJwt(all.access_token).aud).toEqual(audience);
  });

  it('resource: never more than was granted, though the client may have it', async () => {
    const { refresh_token } = await beginFamily(server, r, { resource: 'https://api.a' });
    for (const resource of ['https://api.b', server.issuer, '/a', 'https://api.a#']) {
      await expectOAuthError(await refresh(server, r, refresh_token, { resource }), 400, 'invalid_target');
    }
    expect(decodeJwt((await answerOf(await refresh(server, r, refresh_token))).access_token).aud).toBe('https://api.a');
  });
});

describe('§5.2 invalid_grant', () => {
  it.each<[string, (token: string) => string]>([
    ['a last character that is another', (token) => token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')],
    ['a character too few', (token) => token.slice(0, -1)],
    ['a character too many', (token) => `${token}0`],
    ['other case', (token) => token.toUpperCase()],
    ['a client secret', () => r.client_secret],
    ['an access token', () => 'eyJhbGciOiJub25lIn0.e30.'],
    ['NUL', (token) => `${token}\0`],
    ['anything', () => `' OR 1=1--`],
    ['anything long', () => 'x'.repeat(20_000)],
  ])('characters: %s', async (_, forge) => {
    const { refresh_token } = await beginFamily(server, r);
    await expectOAuthError(await refresh(server, r, forge(refresh_token)), 400, 'invalid_grant');
    await answerOf(await refresh(server, r, refresh_token));
  });

  it('R-11: a value of the table is no token', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const [row] = await ledger.rows<Record<string, string>>(
      `SELECT token_id, encode(hash, 'hex') AS hex, encode(hash, 'base64') AS base64, encode(salt, 'hex') AS salt, row
       FROM (SELECT *, t::text AS row FROM refresh_tokens t) t WHERE token_id = $1`,
      [tokenIdOf(refresh_token)],
    );
    for (const value of Object.values(row ?? {})) {
      expect(value).not.toContain(refresh_token.slice(-49));
      await expectOAuthError(await refresh(server, r, value), 400, 'invalid_grant');
    }
    await answerOf(await refresh(server, r, refresh_token));
  });

  it('K-15: a refresh token opens no API', async () => {
    const admin = await server.createClient({ client_name: 'Admin', scope: 'admin:oauth', ...renewing });
    const { refresh_token } = await beginFamily(server, admin);
    const headers = { authorization: `Bearer ${refresh_token}` };
    await expectBadToken(await server.fetch('/admin/oauth/scopes', { headers }));
  });
});
