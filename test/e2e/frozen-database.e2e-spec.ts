/**
 * T-23: a database that is there and answers nothing, as one that was stopped in its tracks. The contract bounds the wait, so this
 * is where a test looks at the time.
 */
import { openDatabaseProxy } from '../support/database-proxy.js';
import { answerOf, beginFamily, refresh, renewing } from '../support/refresh-tokens.js';
import { expectOAuthError, expectProblem } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const limitMs = 5_000;

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await server?.stop();
});

/** What is asked of the server while its database does not answer. */
function requests(behind: TestServer, client: Credentials, token: string, refreshToken: string) {
  const administer = (method: string, body?: string) =>
    behind.fetch(clientsPath, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
    });
  const post = (path: string) => {
    const headers = { authorization: basic(client) };
    return behind.fetch(path, { method: 'POST', headers, body: new URLSearchParams({ token }) });
  };
  return {
    token: () => behind.requestToken(client),
    'wrong secret': () => behind.requestToken({ ...client, client_secret: 'wrong' }),
    refresh: () => refresh(behind, client, refreshToken),
    introspect: () => post('/oauth/introspect'),
    revoke: () => post('/oauth/revoke'),
    list: () => administer('GET'),
    create: () => administer('POST', '{"client_name":"x"}'),
  } as const;
}

it('T-23: nobody waits longer than 5 seconds for his 503, nor does who comes while others wait', async () => {
  const client = await server.createClient({ client_name: 'A', scope: 'read:profile', ...renewing });
  const proxy = await openDatabaseProxy(server.database.url);
  const behind = await startServer({ beside: { ...server, database: { ...server.database, url: proxy.url } } });
  try {
    const family = await beginFamily(behind, client);
    await answerOf(await behind.requestToken(client));
    const asked = requests(behind, client, await behind.adminToken(), family.refresh_token);
    proxy.stall();
    const late: string[] = [];
    const ask = async (name: keyof typeof asked): Promise<void> => {
      const begin = performance.now();
      const response = await asked[name]();
      const tookMs = performance.now() - begin;
      if (tookMs > limitMs) late.push(`${name}: ${Math.round(tookMs)} ms`);
      if (name === 'list' || name === 'create') await expectProblem(response, 503);
      else await expectOAuthError(response, 503, 'temporarily_unavailable');
      expect(response.headers.get('retry-after')).toMatch(/^[1-5]$/);
    };
    const round = async (): Promise<void> => {
      await Promise.all((Object.keys(asked) as (keyof typeof asked)[]).map(ask));
    };
    // On connections that were open; while those wait; and on new ones.
    const first = round();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await Promise.all([first, round()]);
    await round();
    expect(late).toEqual([]);
    await proxy.restore();
    while ((await behind.requestToken(client)).status !== 200);
  } finally {
    await proxy.restore();
    await behind.stop();
    await proxy.sever();
  }
});
