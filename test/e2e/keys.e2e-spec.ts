import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { Signer } from '../../src/keys/index.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the public keys over HTTP', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  });

  afterAll(() => server.stop());

  it('GET /.well-known/jwks.json', async () => {
    const response = await server.fetch(`/.well-known/jwks.json`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('etag')).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(await response.json()).toMatchObject({ keys: [{ kid: server.running.app.get(Signer).current().kid }] });
  });

  it('answers 304 without a body to one who has it', async () => {
    const tag = (await server.fetch(`/.well-known/jwks.json`)).headers.get('etag') ?? '';
    for (const header of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const response = await server.fetch(`/.well-known/jwks.json`, { headers: { 'if-none-match': header } });
      expect(response.status).toBe(304);
      expect(response.headers.get('etag')).toBe(tag);
      expect(response.headers.get('cache-control')).toBe('public, max-age=300');
      expect(await response.text()).toBe('');
    }
    const changed = await server.fetch(`/.well-known/jwks.json`, { headers: { 'if-none-match': '"x"' } });
    expect(changed.status).toBe(200);
  });

  it('takes the ordinary way for anything but a plain GET: the same document', async () => {
    const plain = await server.fetch(`/.well-known/jwks.json`);
    const other = await server.fetch(`/.well-known/jwks.json?x=1`);
    expect(await other.text()).toBe(await plain.text());
    for (const name of [
      'etag',
      'cache-control',
      'x-content-type-options',
      'content-security-policy',
      'referrer-policy',
    ]) {
      expect(other.headers.get(name)).toBe(plain.headers.get(name));
    }
    expect(plain.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });

  it.each(['POST', 'PUT', 'DELETE'])('K-05: %s is refused', async (method) => {
    const response = await server.fetch(`/.well-known/jwks.json`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('HEAD has the headers and no body', async () => {
    const response = await server.fetch(`/.well-known/jwks.json`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).not.toBeNull();
  });

  it('GET /oauth/public-key', async () => {
    const response = await server.fetch(`/oauth/public-key`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const { keys } = (await (await server.fetch(`/.well-known/jwks.json`)).json()) as { keys: [JsonWebKey] };
    expect(createPublicKey(await response.text()).equals(createPublicKey({ key: keys[0], format: 'jwk' }))).toBe(true);
  });
});
