/**
 * Who may scrape `/metrics`: whoever asks on this machine, else a token with `admin:system`. M-01 for this route, and that no
 * field of a request makes somebody local (security.md, threat 28).
 */
import { networkInterfaces } from 'node:os';
import { rawRequest } from '../support/raw-http.js';
import { expectBadToken, expectProblem, expectTooLittleScope, Ledger } from '../support/refusal.js';
import { Scrape } from '../support/scrape.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
/** Believes what a proxy at a loopback address tells. */
let behindProxy: TestServer;
let ledger: Ledger;
let scraper: Credentials;

beforeAll(async () => {
  server = await startServer({ env: { HOST: '0.0.0.0' } });
  behindProxy = await startServer({
    beside: server,
    env: { TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8', ISSUER: server.issuer },
  });
  ledger = await Ledger.open(server, behindProxy);
  scraper = await server.createClient({ client_name: 'prometheus', scope: 'admin:system' });
});

afterAll(async () => {
  await ledger?.close();
  await behindProxy?.stop();
  await server?.stop();
});

/** A request that came through a proxy: nobody who sends it is local. */
function from(address: string, at: TestServer, bearer?: string): Promise<Response> {
  const headers: Record<string, string> = { 'x-forwarded-for': address };
  if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;
  return at.fetch('/metrics', { headers });
}

async function expectMetrics(response: Response): Promise<void> {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(new Scrape(await response.text()).value('process_resident_memory_bytes')).toBeGreaterThan(0);
}

async function expectBareChallenge(response: Response): Promise<void> {
  await expectProblem(response, 401);
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
}

describe('on this machine', () => {
  it('nobody needs a token', async () => {
    await expectMetrics(await server.fetch('/metrics'));
    await expectMetrics(await rawRequest(server.issuer, ['GET /metrics HTTP/1.1', 'Host: localhost']));
  });

  it('nor where a proxy is believed that this request did not come through', async () => {
    await expectMetrics(await behindProxy.fetch('/metrics'));
  });

  it('by another name than that of the loopback one does: a silent proxy, a page in a browser', async () => {
    for (const host of ['auth.example.com', 'evil.example:3000', '192.0.2.1', '127.0.0.1.nip.io']) {
      const send = () => rawRequest(server.issuer, ['GET /metrics HTTP/1.1', `Host: ${host}`]);
      const { response, entry } = await ledger.refused(send);
      await expectBareChallenge(response);
      expect(entry).toMatchObject({ action: 'access.denied', target_id: 'GET /metrics' });
    }
  });

  it('but from another address of this machine one does', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    for (const { address } of addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)) {
      const { port } = new URL(server.issuer);
      const request = ['GET /metrics HTTP/1.1', 'Host: localhost'];
      await expectBareChallenge(await rawRequest(`http://${address}:${port}`, request));
    }
  });

  it('other methods are not taken', async () => {
    const response = await server.fetch('/metrics', { method: 'POST' });
    await expectProblem(response, 405);
    expect(response.headers.get('allow')).toContain('GET');
  });
});

describe('M-01: from elsewhere', () => {
  const everywhere = () => [server, behindProxy];

  it('without a token: the bare challenge, whatever address is told', async () => {
    for (const at of everywhere()) {
      for (const address of ['203.0.113.9', '127.0.0.1', '::1', '127.0.0.1, 127.0.0.1', '127.0.0.1, 10.0.0.1', '']) {
        await expectBareChallenge((await ledger.refused(() => from(address, at))).response);
      }
      for (const [name, value] of [
        ['forwarded', 'for=127.0.0.1'],
        ['x-real-ip', '127.0.0.1'],
        ['via', '1.1 localhost'],
        ['x-forwarded-host', 'localhost'],
      ] as const) {
        await expectBareChallenge(await at.fetch('/metrics', { headers: { [name]: value } }));
      }
    }
  });

  it('with a bad token, one for somebody else, or one in the query: a bad token', async () => {
    const token = await server.tokenOf(scraper);
    const elsewhere = await server.createClient({
      client_name: 'E',
      scope: 'admin:system',
      audience: ['https://api.e'],
    });
    const foreign = await server.tokenOf(elsewhere, { resource: 'https://api.e' });
    for (const bearer of ['garbage', `${token.slice(0, -8)}AAAAAAAA`, foreign]) {
      await expectBadToken((await ledger.refused(() => from('203.0.113.9', server, bearer))).response);
    }
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    await expectBareChallenge(await server.fetch(`/metrics?access_token=${token}`, { headers }));
  });

  it('with too little scope: the scope that is needed', async () => {
    for (const scope of ['admin:oauth', 'admin:users admin:events', 'read:profile', 'oauth:introspect', '']) {
      const other = await server.createClient({ client_name: 'O', scope });
      const bearer = await server.tokenOf(other);
      const { response, entry } = await ledger.refused(() => from('203.0.113.9', server, bearer));
      await expectTooLittleScope(response, 'admin:system');
      expect(entry).toMatchObject({ actor_client_id: other.client_id, error: 'insufficient_scope' });
    }
  });

  it('with admin:system, or admin:full, which covers it: the metrics', async () => {
    for (const at of everywhere()) {
      await expectMetrics(await from('203.0.113.9', at, await server.tokenOf(scraper)));
      await expectMetrics(await from('203.0.113.9', at, await server.adminToken()));
    }
  });

  it('a revoked token is none', async () => {
    const bearer = await server.tokenOf(scraper);
    await server.asAdmin('POST', `/admin/oauth/clients/${scraper.client_id}/revoke-tokens`);
    await expectBadToken(await from('203.0.113.9', server, bearer));
  });
});
