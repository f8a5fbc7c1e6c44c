/**
 * What ends a refresh token, or narrows it (security.md ): power that was taken away, time, its client, its
 * revocation. Two servers on one database.
 */
import { decodeJwt } from 'jose';
import { openDatabaseProxy } from '../support/database-proxy.js';
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import {
  age,
  answerOf,
  beginFamily,
  introspect,
  refresh,
  refusedRefresh,
  renewing,
  tokenIdOf,
} from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const scope = 'read:profile read:features';

let server: TestServer;
let other: TestServer;
let ledger: Ledger;
let r: Credentials;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  ledger = await Ledger.open(server, other);
  r = await newClient();
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await server?.stop();
});

const newClient = (members: Record<string, unknown> = {}) =>
  server.createClient({
    client_name: 'R',
    scope,
    audience: ['https://api.a', 'https://api.b'],
    ...renewing,
    ...members,
  });

async function patch(client: Credentials, members: Record<string, unknown>): Promise<void> {
  expect((await server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, members)).status).toBe(200);
}

const isActive = async (token: string) => (await introspect(other, token))['active'];

const expectRefused = (client: Credentials, token: string, error: string, form: Record<string, string> = {}) =>
  refusedRefresh({ server, ledger }, client, token, error, form);

describe('R-07: what was taken away', () => {
  const narrowerThenPlain: Record<string, string>[] = [{ scope: 'read:profile' }, {}];

  it('a scope: refused, narrower it works, and it never comes back', async () => {
    const client = await newClient();
    let { refresh_token } = await beginFamily(server, client);
    await patch(client, { scope: 'read:profile' });
    await expectRefused(client, refresh_token, 'invalid_scope');
    await expectRefused(client, refresh_token, 'invalid_scope', { scope });
    for (const form of narrowerThenPlain) {
      const narrower = await answerOf(await refresh(other, client, refresh_token, form));
      expect(decodeJwt(narrower.access_token)['scope']).toBe('read:profile');
      refresh_token = narrower.refresh_token;
    }
    await patch(client, { scope });
    await expectRefused(client, refresh_token, 'invalid_scope', { scope });
    expect((await introspect(other, refresh_token))['scope']).toBe('read:profile');
    expect((await answerOf(await refresh(server, client, refresh_token))).scope).toBe('read:profile');
  });

  it('a scope, which comes back before the family was used without it, or was only not asked for: nothing is lost', async () => {
    const client = await newClient();
    let { refresh_token } = await beginFamily(server, client);
    await patch(client, { scope: 'read:profile' });
    await expectRefused(client, refresh_token, 'invalid_scope');
    await patch(client, { scope });
    for (const form of narrowerThenPlain) {
      const renewed = await answerOf(await refresh(server, client, refresh_token, form));
      expect(renewed.scope).toBe(form['scope'] ?? scope);
      refresh_token = renewed.refresh_token;
    }
  });

  it('a scope, also from who comes again in the grace', async () => {
    const client = await newClient({ refresh_token_grace_seconds: 60 });
    const begun = await beginFamily(server, client);
    const form = { scope: 'read:profile' };
    await answerOf(await refresh(server, client, begun.refresh_token, form));
    await patch(client, { scope: 'read:profile' });
    const again = await answerOf(await refresh(other, client, begun.refresh_token, form));
    await patch(client, { scope });
    expect((await answerOf(await refresh(server, client, again.refresh_token))).scope).toBe('read:profile');
  });

  it('an audience: refused, narrower it works, and it never comes back', async () => {
    const client = await newClient();
    const { refresh_token } = await beginFamily(server, client);
    await patch(client, { audience: ['https://api.b', 'https://api.c'] });
    await expectRefused(client, refresh_token, 'invalid_target');
    await expectRefused(client, refresh_token, 'invalid_target', { resource: 'https://api.a' });
    await expectRefused(client, refresh_token, 'invalid_target', { resource: 'https://api.c' });
    const narrower = await answerOf(await refresh(other, client, refresh_token, { resource: 'https://api.b' }));
    expect(decodeJwt(narrower.access_token).aud).toBe('https://api.b');
    await patch(client, { audience: ['https://api.a', 'https://api.b'] });
    await expectRefused(client, narrower.refresh_token, 'invalid_target', { resource: 'https://api.a' });
    const last = await answerOf(await refresh(server, client, narrower.refresh_token));
    expect(decodeJwt(last.access_token).aud).toBe('https://api.b');
  });

  it('the grant', async () => {
    const client = await newClient();
    const { refresh_token } = await beginFamily(server, client);
    await patch(client, { grant_types: ['client_credentials'] });
    expect(await isActive(refresh_token)).toBe(false);
    await expectRefused(client, refresh_token, 'unauthorized_client');
  });
});

describe('lifetimes', () => {
  const lifetimes = async (token: string) => {
    const [row] = await ledger.rows<{ idle: number; absolute: number; beyond: boolean }>(
      `SELECT round(extract(epoch FROM t.expires_at - t.created_at))::int AS idle, t.expires_at > f.expires_at AS beyond,
         round(extract(epoch FROM f.expires_at - f.created_at))::int AS absolute
       FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id WHERE token_id = $1`,
      [tokenIdOf(token)],
    );
    return row;
  };
  const day = 86_400;

  it('are 7 days idle and 30 in all, unless the client has an idle time of its own', async () => {
    const { refresh_token } = await beginFamily(server, r);
    expect(await lifetimes(refresh_token)).toEqual({ idle: 7 * day, absolute: 30 * day, beyond: false });
    const short = await newClient({ refresh_token_ttl_seconds: 3_600 });
    const begun = await beginFamily(server, short);
    expect(await lifetimes(begun.refresh_token)).toMatchObject({ idle: 3_600, absolute: 30 * day });
    const { refresh_token: next } = await answerOf(await refresh(server, short, begun.refresh_token));
    expect(await lifetimes(next)).toMatchObject({ idle: 3_600 });
    const shortest = await beginFamily(server, await newClient({ refresh_token_ttl_seconds: 1 }));
    expect(await lifetimes(shortest.refresh_token)).toMatchObject({ idle: 1 });
  });

  it('are told by introspection, the earlier end', async () => {
    const { refresh_token } = await beginFamily(server, r);
    const { iat, exp, ...told } = await introspect(other, refresh_token);
    expect(told).toMatchObject({ active: true, client_id: r.client_id, scope });
    expect(Number(exp) - Number(iat)).toBe(7 * day);
  });

  it('R-09: idle too long', async () => {
    const { refresh_token } = await beginFamily(server, r);
    await age(ledger, refresh_token, '7 days');
    expect(await isActive(refresh_token)).toBe(false);
    await expectRefused(r, refresh_token, 'invalid_grant');
  });

  it('R-09: rotated up to the end of the absolute time, and not beyond', async () => {
    const begun = await beginFamily(server, r);
    await age(ledger, begun.refresh_token, '0', '29 days 23 hours');
    const last = await answerOf(await refresh(server, r, begun.refresh_token));
    expect(await lifetimes(last.refresh_token)).toMatchObject({ idle: expect.closeTo(3_600, -2), beyond: false });
    await age(ledger, last.refresh_token, '0', '1 hour');
    expect(await isActive(last.refresh_token)).toBe(false);
    await expectRefused(r, last.refresh_token, 'invalid_grant');
  });
});

describe('what else ends a family', () => {
  it.each<[string, (client: Credentials) => Promise<unknown>]>([
    [
      'the client disabled, and enabled again',
      async (client) => {
        await patch(client, { status: 'disabled' });
        await patch(client, { status: 'active' });
      },
    ],
    [
      'revoke-tokens',
      async (client) => {
        const path = `${clientsPath}/${client.client_id}/revoke-tokens`;
        expect((await server.asAdmin('POST', path, {})).ok).toBe(true);
      },
    ],
  ])('%s', async (_, end) => {
    const client = await newClient();
    const begun = await beginFamily(server, client);
    await end(client);
    expect(await isActive(begun.refresh_token)).toBe(false);
    const entry = await expectRefused(client, begun.refresh_token, 'invalid_grant');
    expect(entry.details).toMatchObject({ reason: 'refresh_family_cut' });
    await answerOf(await refresh(other, client, (await beginFamily(server, client)).refresh_token));
  });

  it('A-11: the client deleted', async () => {
    const client = await newClient();
    const { refresh_token } = await beginFamily(server, client);
    expect((await server.asAdmin('DELETE', `${clientsPath}/${client.client_id}`)).status).toBe(204);
    expect(await isActive(refresh_token)).toBe(false);
    await expectInvalidClient(await refresh(other, client, refresh_token));
  });

  it('its revocation by the client, access tokens included', async () => {
    const begun = await beginFamily(server, r);
    const renewed = await answerOf(await refresh(server, r, begun.refresh_token));
    const headers = { authorization: basic(r) };
    const body = new URLSearchParams({ token: renewed.refresh_token });
    expect((await server.fetch('/oauth/revoke', { method: 'POST', headers, body })).status).toBe(200);
    for (const { access_token, refresh_token } of [begun, renewed]) {
      expect([await isActive(access_token), await isActive(refresh_token)]).toEqual([false, false]);
    }
    await expectRefused(r, renewed.refresh_token, 'invalid_grant');
  });
});

it('T-23: while the database is away nothing is used up, and nothing leaves', async () => {
  const begun = await beginFamily(server, r);
  const proxy = await openDatabaseProxy(server.database.url);
  const behind = await startServer({ beside: { ...server, database: { ...server.database, url: proxy.url } } });
  try {
    await answerOf(await behind.requestToken(r));
    await proxy.sever();
    for (const request of [() => behind.requestToken(r), () => refresh(behind, r, begun.refresh_token)]) {
      const response = await request();
      await expectOAuthError(response, 503, 'temporarily_unavailable');
      expect(response.headers.get('retry-after')).toMatch(/^[1-5]$/);
    }
    expect(await isActive(begun.refresh_token)).toBe(true);
    await proxy.restore();
    while ((await behind.requestToken(r)).status !== 200);
    await answerOf(await refresh(behind, r, begun.refresh_token));
  } finally {
    await proxy.restore();
    await behind.stop();
    await proxy.sever();
  }
});
