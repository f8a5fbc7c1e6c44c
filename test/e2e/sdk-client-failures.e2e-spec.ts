/** What must not happen to those who call: failures that spread, tokens that stray, requests that multiply. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CircuitOpenError,
  createServiceFetch,
  TokenManager,
  type TokenManagerOptions,
  TokenRequestError,
} from '../../sdk/src/client/index.js';

/** A token endpoint, or an API, that answers as `answer` says. */
async function site(answer: (request: IncomingMessage, count: number) => Response | Promise<Response> | undefined) {
  const requests: IncomingMessage[] = [];
  const respond: RequestListener = (request, response) => {
    requests.push(request);
    request.resume();
    const respondLater = async () => {
      const answered = await answer(request, requests.length);
      if (answered === undefined) return;
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text());
    };
    void respondLater();
  };
  const listening = createServer(respond).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const close = async () => {
    listening.closeAllConnections();
    listening.close();
    await once(listening, 'close');
  };
  closing.push(close);
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, requests };
}

const closing: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

const pem = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n';
const credentials = { clientId: 'service', clientSecret: 'secret' };
const token = (count: number, expiresIn = 600) =>
  Response.json({ access_token: `token-${count}`, token_type: 'Bearer', expires_in: expiresIn });
const tokensOf = (url: string, more: Partial<ConstructorParameters<typeof TokenManager>[0]> = {}) =>
  new TokenManager({ issuer: url, credentials, ...more });

describe('TokenManager', () => {
  it('fails nobody while the token lives, its last moments included', async () => {
    const endpoint = await site((_, count) => (count === 1 ? token(1, 1) : new Response('', { status: 503 })));
    const tokens = tokensOf(endpoint.url);
    const { value, expiresAt } = await tokens.token();
    for (;;) {
      const served: unknown = await tokens.token().catch((error: unknown) => error);
      if (served instanceof TokenRequestError) break;
      expect(served).toMatchObject({ value });
      await sleep(20);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime() - 5);
  });

  it('gives the token that it has while it lives, though the server hangs', async () => {
    const hanging: (() => void)[] = [];
    let count = 0;
    const hangs: typeof fetch = () => {
      count += 1;
      // Of four seconds, the last 400 ms are those in which a caller waits for the next one.
      if (count === 1) return Promise.resolve(token(1, 4));
      return new Promise((_, reject) => hanging.push(() => reject(new TypeError('fetch failed'))));
    };
    const tokens = tokensOf('https://signet.example.com', { fetch: hangs, renewAt: 1.1 });
    const { value, expiresAt } = await tokens.token();
    await sleep(expiresAt.getTime() - Date.now() - 300);
    const served = await tokens.token();
    expect([served.value, count]).toEqual([value, 2]);
    expect(Date.now()).toBeLessThan(expiresAt.getTime());
    hanging.forEach((fail) => fail());
  });

  it.each<[string, object, string]>([
    ['no token', { token: undefined }, 'the token is missing'],
    ['an empty token', { token: '' }, 'the token is missing'],
    ['no clientId', { credentials: { clientSecret: 'secret' } }, 'the clientId is missing'],
    ['no clientSecret', { credentials: { clientId: 'service' } }, 'the clientSecret is missing'],
    ['no key', { credentials: { clientId: 'service', privateKey: undefined } }, 'the privateKey is missing'],
    ['a PEM of nothing', { credentials: { clientId: 'service', privateKey: pem } }, 'the privateKey cannot be read'],
  ])('is not made with %s, and shows nothing of a key', (_, options, message) => {
    const make = () => new TokenManager({ issuer: 'https://signet.example.com', ...options } as TokenManagerOptions);
    expect(make).toThrow(new TypeError(message));
  });

  it('survives what its listener throws, and whatever makes a renewal fail', async () => {
    const endpoint = await site((_, count) => (count === 1 ? token(1) : new Response('', { status: 500 })));
    const told: TokenRequestError[] = [];
    const tokens = tokensOf(endpoint.url, {
      renewAt: 0,
      onRenewalFailure: (error) => {
        told.push(error);
        throw new Error('the listener fails');
      },
    });
    await tokens.token();
    while (told.length === 0) {
      expect((await tokens.token()).value).toBe('token-1');
      await sleep(5);
    }
    expect(told[0]).toMatchObject({ code: 'invalid_response', transient: true });
  });

  it('has a pause after each failure, one without an answer of the server included', async () => {
    let fetched = 0;
    const tokens = new TokenManager({
      issuer: 'https://signet.example.com',
      credentials: {
        clientId: 'service',
        privateKey: { kty: 'EC', crv: 'P-256', x: '!', y: '!', d: '!' },
        algorithm: 'ES256',
      },
      fetch: () => {
        fetched += 1;
        return Promise.resolve(token(1));
      },
    });
    const failures = await Promise.all(
      [1, 2].map(async () => {
        const failure: unknown = await tokens.token().catch((error: unknown) => error);
        return failure;
      }),
    );
    const again: unknown = await tokens.token().catch((error: unknown) => error);
    expect(failures[0]).toMatchObject({ name: 'TokenRequestError', code: 'request_failed', transient: false });
    expect([again, fetched]).toEqual([failures[0], 0]);
  });

  it('waits as the server says, at most five minutes', async () => {
    const headers = { 'retry-after': '1000000000' };
    const endpoint = await site(() => Response.json({ error: 'temporarily_unavailable' }, { status: 429, headers }));
    const tokens = tokensOf(endpoint.url);
    await expect(tokens.token()).rejects.toMatchObject({ retryAfterMs: 300_000, transient: true });
    await expect(tokens.token()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect(endpoint.requests).toHaveLength(1);
  });

  it('calls an answer that breaks off what it is: a failure of the network', async () => {
    const broken = new Response(
      new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) }),
    );
    const tokens = tokensOf('https://signet.example.com', { fetch: () => Promise.resolve(broken) });
    await expect(tokens.token()).rejects.toMatchObject({ code: 'network_error', transient: true });
  });

  it.each<[string, object | string]>([
    ['a life beyond the end of all dates', { expires_in: 1e300 }],
    ['a life that is no number in JSON', '{"access_token":"a","token_type":"Bearer","expires_in":NaN}'],
    ['a life that is a text', { expires_in: 'NaN' }],
    ['an endless life', '{"access_token":"a","token_type":"Bearer","expires_in":1e999}'],
    ['a life that is over', { expires_in: -1 }],
    ['a line break in its token', { access_token: 'a\r\nx-injected: b' }],
    ['a line break after its token', { access_token: 'a\n' }],
    ['a control character in its token', { access_token: 'a\u0000b' }],
    ['a space in its token', { access_token: 'a b' }],
    ['a letter in its token that no header holds', { access_token: 'ａ' }],
    ['no token', { access_token: '' }],
    ['a type that every object knows', { token_type: 'constructor' }],
    ['more bytes than anybody reads', { padding: 'x'.repeat(300_000) }],
    ['a list', []],
  ])('refuses an answer with %s', async (_, members) => {
    const good = { access_token: 'a', token_type: 'Bearer', expires_in: 600 };
    const body = typeof members === 'string' || Array.isArray(members) ? members : { ...good, ...members };
    const endpoint = await site(() => new Response(typeof body === 'string' ? body : JSON.stringify(body)));
    const refused = { name: 'TokenRequestError', code: 'invalid_response', transient: false };
    await expect(tokensOf(endpoint.url).token()).rejects.toMatchObject(refused);
  });

  it('takes a token of every character that it may have, for as long as a life may be', async () => {
    const value = String.fromCharCode(...Array.from({ length: 94 }, (_, at) => 0x21 + at));
    const endpoint = await site(() => Response.json({ access_token: value, token_type: 'BEARER', expires_in: 4e9 }));
    const api = await site(({ headers }) => new Response(headers.authorization));
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url });
    expect(await (await call('/')).text()).toBe(`Bearer ${value}`);
  });

  it('shows no secret to those who look at it', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(tokensOf('https://signet.example.com'), { depth: 9, showHidden: true })).not.toContain('secret');
  });
});

describe('createServiceFetch', () => {
  it('does not turn an API that takes no token at all into requests for tokens', async () => {
    const endpoint = await site((_, count) => token(count));
    const api = await site(() => new Response('', { status: 401 }));
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url });
    for (let count = 0; count < 20; count += 1) expect((await call('/')).status).toBe(401);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('has another token for the next request when the body of this one cannot be repeated', async () => {
    const endpoint = await site((_, count) => token(count));
    const api = await site(
      ({ headers }) => new Response('', { status: headers.authorization === 'Bearer token-1' ? 401 : 200 }),
    );
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url });
    const upload = () => call('/', { method: 'POST', body: new Blob(['{}']).stream() });
    expect([(await upload()).status, (await upload()).status]).toEqual([401, 200]);
    expect(api.requests).toHaveLength(2);
  });

  it('takes a Request', async () => {
    const endpoint = await site((_, count) => token(count));
    const api = await site(({ method, headers }) => Response.json([method, headers['x-trace'], headers.authorization]));
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url });
    const request = new Request(`${api.url}/a`, { method: 'PUT', body: '{}', headers: { 'x-trace': '1' } });
    expect(await (await call(request)).json()).toEqual(['PUT', '1', 'Bearer token-1']);
    await expect(call(new Request('http://127.0.0.1:1/'))).rejects.toThrow('is not an origin of this API');
  });

  it.each(['//elsewhere.example.com/x', '\\\\elsewhere.example.com\\x', 'http://elsewhere.example.com', 'data:,x'])(
    'asks nobody at %s',
    async (url) => {
      const endpoint = await site((_, count) => token(count));
      let fetched = 0;
      const counting: typeof fetch = () => {
        fetched += 1;
        return Promise.resolve(Response.error());
      };
      const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: 'http://127.0.0.1:1', fetch: counting });
      await expect(call(url)).rejects.toThrow('is not an origin of this API');
      expect(fetched).toBe(0);
    },
  );

  it('sends the token not even back to its origin when another one says so', async () => {
    const endpoint = await site((_, count) => token(count));
    const back = { to: '' };
    const elsewhere = await site(() => new Response('', { status: 307, headers: { location: back.to } }));
    const api = await site(({ url, headers }) =>
      url === '/begin'
        ? new Response('', { status: 307, headers: { location: `${elsewhere.url}/` } })
        : new Response('', { status: headers.authorization === undefined ? 401 : 200 }),
    );
    back.to = `${api.url}/everything`;
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url });
    const answer = await call('/begin', { method: 'DELETE', headers: { cookie: 'a=b' } });
    expect([answer.status, endpoint.requests.length, elsewhere.requests.length]).toEqual([401, 1, 1]);
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('cookie');
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('holds a failing token endpoint against nobody else, and a caller who gives up neither', async () => {
    let good = false;
    const endpoint = await site((_, count) => (good ? token(count) : new Response('', { status: 500 })));
    const api = await site(({ url }) =>
      url === '/hangs' ? undefined : new Response('', { status: url === '/500' ? 500 : 200 }),
    );
    const open = () =>
      createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url, breaker: { failures: 2, pauseMs: 60_000 } });
    const first = open();
    for (let count = 0; count < 3; count += 1) await expect(first('/')).rejects.toBeInstanceOf(TokenRequestError);
    good = true;
    const call = open();
    await call('/500');
    await expect(call('/hangs', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await call('/500');
    await expect(call('/')).rejects.toBeInstanceOf(CircuitOpenError);
  });

  it('gives up waiting for a token when its caller does', async () => {
    const endpoint = await site(() => undefined);
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: 'http://127.0.0.1:1' });
    await expect(call('/', { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(call('/', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('has a time of its own beside that of the token', async () => {
    const endpoint = await site(async (_, count) => {
      await sleep(1_200);
      return token(count);
    });
    const api = await site(() => new Response(''));
    const call = createServiceFetch(tokensOf(endpoint.url), { baseUrl: api.url, timeoutMs: 1_000 });
    expect((await call('/')).status).toBe(200);
  });
});
