/** What changes between the decision about a refresh and its commit: the moments that races hit now and then, one by one. */
import { AccessTokenIssuer } from '../../src/token/access-token-issuer.js';
import { RefreshSecrets } from '../../src/token/refresh/index.js';
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { answerOf, beginFamily, refresh, type RefreshAnswer, renewing, tokenIdOf } from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const scope = 'read:profile read:features';

let server: TestServer;
let ledger: Ledger;
let client: Credentials;
let begun: RefreshAnswer;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  await server.adminToken();
});

beforeEach(async () => {
  client = await server.createClient({ client_name: 'R', scope, ...renewing });
  begun = await beginFamily(server, client);
});

afterEach(() => jest.restoreAllMocks());

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

/** Lets something happen, once, after the next decision and before its commit. */
function meanwhile(happen: () => Promise<unknown>): void {
  const issuer = server.running.app.get(AccessTokenIssuer, { strict: false });
  const sign = issuer.sign.bind(issuer);
  jest.spyOn(issuer, 'sign').mockImplementationOnce(async (...terms) => {
    const signed = await sign(...terms);
    await happen();
    return signed;
  });
}

async function patch(members: Record<string, unknown>): Promise<void> {
  expect((await server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, members)).status).toBe(200);
}

/** How the family stands: generations, and whether it was revoked. */
async function family(): Promise<unknown> {
  const [row] = await ledger.rows(
    `SELECT count(*)::int AS tokens, bool_or(f.revoked_at IS NOT NULL) AS revoked
     FROM refresh_families f JOIN refresh_tokens t ON t.family_id = f.id
     WHERE f.id = (SELECT family_id FROM refresh_tokens WHERE token_id = $1)`,
    [tokenIdOf(begun.refresh_token)],
  );
  return row;
}

const untouched = { tokens: 1, revoked: false };

describe('between the decision and the commit of a first token', () => {
  const families = () =>
    ledger.rows('SELECT scope FROM refresh_families WHERE client_id = $1 ORDER BY created_at', [client.client_id]);

  it('a scope is taken away: it is in neither token, and there is one family', async () => {
    meanwhile(() => patch({ scope: 'read:profile' }));
    expect((await beginFamily(server, client)).scope).toBe('read:profile');
    expect(await families()).toEqual([{ scope: scope.split(' ') }, { scope: ['read:profile'] }]);
  });

  it('the client is disabled: no family', async () => {
    meanwhile(() => patch({ status: 'disabled' }));
    await expectInvalidClient(await server.requestToken(client));
    expect(await families()).toHaveLength(1);
  });

  it('an identifier is taken: another one is drawn', async () => {
    const secrets = server.running.app.get(RefreshSecrets, { strict: false });
    const taken = { token: begun.refresh_token, tokenId: tokenIdOf(begun.refresh_token) };
    const kept = { hash: Buffer.alloc(32), salt: Buffer.alloc(16) };
    jest.spyOn(secrets, 'first').mockReturnValueOnce({ ...taken, ...kept });
    const { refresh_token } = await beginFamily(server, client);
    expect(refresh_token).not.toBe(begun.refresh_token);
    expect(await families()).toHaveLength(2);
    const tokens = 'SELECT 1 FROM access_tokens WHERE client_id = $1';
    expect(await ledger.rows(tokens, [client.client_id])).toHaveLength(2);
  });
});

describe('between the decision and the commit of a refresh', () => {
  it('a scope is taken away: refused, and the token is not used up', async () => {
    meanwhile(() => patch({ scope: 'read:profile' }));
    await expectOAuthError(await refresh(server, client, begun.refresh_token), 400, 'invalid_scope');
    expect(await family()).toEqual(untouched);
    await answerOf(await refresh(server, client, begun.refresh_token, { scope: 'read:profile' }));
  });

  it('the secret is replaced: refused, and the token is not used up', async () => {
    let renewed = client;
    meanwhile(async () => {
      const path = `${clientsPath}/${client.client_id}/regenerate-secret`;
      renewed = (await (await server.asAdmin('POST', path, {})).json()) as Credentials;
    });
    await expectInvalidClient(await refresh(server, client, begun.refresh_token));
    expect(await family()).toEqual(untouched);
    await answerOf(await refresh(server, renewed, begun.refresh_token));
  });

  it('the secret is replaced, and the token was used before: the family does not end by the old secret', async () => {
    const { refresh_token } = await answerOf(await refresh(server, client, begun.refresh_token));
    const path = `${clientsPath}/${client.client_id}/regenerate-secret`;
    const renewed = (await (await server.asAdmin('POST', path, {})).json()) as Credentials;
    await expectInvalidClient(await refresh(server, client, begun.refresh_token));
    expect(await family()).toMatchObject({ revoked: false });
    await answerOf(await refresh(server, renewed, refresh_token));
  });

  it('the tokens of the client are cut: refused', async () => {
    meanwhile(() => server.asAdmin('POST', `${clientsPath}/${client.client_id}/revoke-tokens`, {}));
    await expectOAuthError(await refresh(server, client, begun.refresh_token), 400, 'invalid_grant');
    expect(await family()).toEqual(untouched);
  });

  it('the family is revoked: refused', async () => {
    meanwhile(async () => {
      const headers = { authorization: basic(client) };
      const body = new URLSearchParams({ token: begun.refresh_token });
      expect((await server.fetch('/oauth/revoke', { method: 'POST', headers, body })).status).toBe(200);
    });
    await expectOAuthError(await refresh(server, client, begun.refresh_token), 400, 'invalid_grant');
    expect(await family()).toEqual({ tokens: 1, revoked: true });
  });

  it('another one uses the token: the family ends', async () => {
    meanwhile(async () => answerOf(await refresh(server, client, begun.refresh_token)));
    await expectOAuthError(await refresh(server, client, begun.refresh_token), 400, 'invalid_grant');
    expect(await family()).toEqual({ tokens: 2, revoked: true });
  });

  it('another one uses the token, in the grace: both get the same successor', async () => {
    await patch({ refresh_token_grace_seconds: 60 });
    let first = '';
    meanwhile(async () => {
      first = (await answerOf(await refresh(server, client, begun.refresh_token))).refresh_token;
    });
    expect((await answerOf(await refresh(server, client, begun.refresh_token))).refresh_token).toBe(first);
    expect(await family()).toEqual({ tokens: 2, revoked: false });
  });

  it('R-07: the family loses a scope: it is in no token', async () => {
    meanwhile(() =>
      ledger.rows(`UPDATE refresh_families SET scope = '{read:profile}' WHERE client_id = $1`, [client.client_id]),
    );
    expect((await answerOf(await refresh(server, client, begun.refresh_token))).scope).toBe('read:profile');
  });

  it('the signing key is revoked: another one signs', async () => {
    const kid = (token: string) =>
      (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
    const revoked = kid(begun.access_token);
    meanwhile(() => server.asAdmin('POST', `/admin/oauth/keys/${revoked}/revoke`, {}));
    const renewed = await answerOf(await refresh(server, client, begun.refresh_token));
    expect(kid(renewed.access_token)).not.toBe(revoked);
  });
});
