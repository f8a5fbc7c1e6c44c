import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Egress, EgressError, type EgressErrorCode } from '../../src/egress/index.js';
import { canarySink, type EgressOptions, httpSink, openEgress, type Sink, tcpSink } from '../support/egress.js';

const loopback = ['127.0.0.0/8', '::1/128'];
const limits = { timeoutMs: 5_000, maxBytes: 1_024 };

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((thing) => thing.close()));
});

async function kept<T extends { close(): Promise<void> }>(opening: T | Promise<T>): Promise<T> {
  const thing = await opening;
  opened.push(thing);
  return thing;
}

function egressWith(options: EgressOptions): Egress {
  const egress = openEgress(options);
  opened.push({ close: () => egress.onApplicationShutdown() });
  return egress;
}

/** The class of the error that a request ends with. */
async function errorOf(egress: Egress, url: string, request = limits): Promise<EgressErrorCode | 'none'> {
  try {
    await egress.request(url, request);
    return 'none';
  } catch (error) {
    if (error instanceof EgressError) return error.code;
    throw error;
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message) text += String(chunk);
  return text;
}

describe('a request', () => {
  it('arrives as it was sent, and its answer comes back as it was given', async () => {
    const seen: unknown[] = [];
    const sink = await kept(
      httpSink((request, response) => {
        const answer = async () => {
          seen.push([request.method, request.url, request.headers, await bodyOf(request)]);
          response.writeHead(201, { 'x-answer': 'yes', 'set-cookie': 'a=b' }).end('made');
        };
        void answer();
      }),
    );
    const egress = egressWith({ networks: loopback, hosts: { 'orders.internal': ['127.0.0.1'] } });
    const url = `http://orders.internal:${sink.port}/a/../hook?x=1`;
    const request = {
      ...limits,
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: Buffer.from('hello'),
    } as const;
    for (let round = 0; round < 2; round += 1) {
      const { status, headers, body } = await egress.request(url, request);
      expect([status, headers['x-answer'], body.toString()]).toEqual([201, 'yes', 'made']);
    }
    const headers = {
      host: `orders.internal:${sink.port}`,
      connection: 'keep-alive',
      'content-type': 'text/plain',
      'content-length': '5',
      'user-agent': 'signet',
      'accept-encoding': 'identity',
    };
    // The same twice: no cookie comes back.
    expect(seen).toEqual(Array.from({ length: 2 }, () => ['POST', '/hook?x=1', headers, 'hello']));
  });

  it.each(['Host', 'connection', 'Transfer-Encoding', 'expect', 'Content-Length', 'x\r\ny'])(
    'may not set the header %j',
    async (name) => {
      const canary = await kept(canarySink());
      const egress = egressWith({ networks: loopback });
      const request = egress.request(`http://127.0.0.1:${canary.port}/`, { ...limits, headers: { [name]: 'x' } });
      await expect(request).rejects.toMatchObject({ name: 'TypeError' });
      expect(canary.connections).toBe(0);
    },
  );

  it('may not end a header and begin another', async () => {
    const egress = egressWith({ networks: loopback });
    const request = egress.request('http://127.0.0.1:9/', { ...limits, headers: { 'x-a': 'b\r\nx-c: d' } });
    await expect(request).rejects.toMatchObject({ name: 'TypeError' });
  });

  it('can be given up by its sender', async () => {
    const sink = await kept(tcpSink(() => undefined));
    const egress = egressWith({ networks: loopback });
    const controller = new AbortController();
    const request = egress.request(`http://127.0.0.1:${sink.port}/`, { ...limits, signal: controller.signal });
    const reason = new Error('not wanted any more');
    setTimeout(() => controller.abort(reason), 20);
    await expect(request).rejects.toBe(reason);
    await expect(
      egress.request(`http://127.0.0.1:${sink.port}/`, { ...limits, signal: controller.signal }),
    ).rejects.toBe(reason);
  });

  it('is not redirected', async () => {
    const canary = await kept(canarySink());
    for (const status of [301, 302, 303, 307, 308]) {
      const location = `http://127.0.0.1:${canary.port}/`;
      const sink = await kept(httpSink((_, response) => response.writeHead(status, { location }).end()));
      const egress = egressWith({ networks: loopback });
      const response = await egress.request(`http://127.0.0.1:${sink.port}/`, limits);
      expect([response.status, response.headers.location]).toEqual([status, location]);
    }
    expect(canary.connections).toBe(0);
  });

  it('E-23: uses no proxy of the environment', async () => {
    const canary = await kept(canarySink());
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = `http://127.0.0.1:${canary.port}`;
    try {
      const sink = await kept(httpSink((_, response) => response.end('direct')));
      const egress = egressWith({ networks: ['127.0.0.0/8'] });
      const { body } = await egress.request(`http://127.0.0.1:${sink.port}/`, limits);
      expect(body.toString()).toBe('direct');
      expect(await errorOf(egressWith({}), `http://127.0.0.1:${sink.port}/`)).toBe('target_not_allowed');
    } finally {
      for (const [index, name] of names.entries()) {
        if (before[index] === undefined) delete process.env[name];
        else process.env[name] = before[index];
      }
    }
    expect(canary.connections).toBe(0);
  });
});

describe('E-01: a target that is not allowed', () => {
  const literals = [
    ...['127.0.0.1', 'localhost', 'localhost.', '127.1', '0x7f.1', '2130706433', '017700000001', '0', '[::]', '[::1]'],
    ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::7f00:1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '①②⑦.0.0.1'],
    ...['127。0。0。1', '%31%32%37.0.0.1', '127.0.0.2', 'user:pass@127.0.0.1', 'example.com@127.0.0.1'],
  ];

  it('is never connected to, in whatever form its address is written', async () => {
    const canary = await kept(canarySink('0.0.0.0'));
    // Even a DNS that answers for literals leads nowhere.
    const hosts = Object.fromEntries(['localhost', '127.0.0.1', 'localhost.'].map((host) => [host, ['127.0.0.1']]));
    const egress = egressWith({ hosts });
    for (const scheme of ['http', 'https']) {
      for (const literal of literals) {
        const url = `${scheme}://${literal}:${canary.port}/`;
        expect([url, await errorOf(egress, url)]).toEqual([url, 'target_not_allowed']);
      }
    }
    expect(canary.connections).toBe(0);
  });

  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['::ffff:127.0.0.1']],
    [['10.0.0.1']],
    [['169.254.169.254']],
    [['0.0.0.0']],
    [['fe80::1%lo']],
    [['fd00:ec2::254']],
    [['93.184.216.34', '127.0.0.1']],
    [['2606:4700::1111', '93.184.216.34', '::ffff:10.0.0.1']],
    [['localhost']],
    [['']],
    [Array.from({ length: 65 }, (_, index) => `93.184.216.${index}`)],
  ])('is a name with the addresses %j', async (addresses) => {
    const egress = egressWith({ hosts: { 'hooks.example.com': addresses } });
    expect(await errorOf(egress, 'https://hooks.example.com/')).toBe('target_not_allowed');
  });

  it('is a name outside the listed networks, without TLS or on a port of its own', async () => {
    const egress = egressWith({ networks: ['10.0.0.0/8'], hosts: { 'hooks.example.com': ['93.184.216.34'] } });
    expect(await errorOf(egress, 'http://hooks.example.com/')).toBe('target_not_allowed');
    expect(await errorOf(egress, 'https://hooks.example.com:9443/')).toBe('target_not_allowed');
  });

  it('is said to be faulty before it is stored', () => {
    const egress = egressWith({});
    expect(literals.filter((host) => egress.checkTarget(`https://${host}/`) === undefined)).toEqual([]);
    expect(egress.checkTarget('https://hooks.example.com/')).toBeUndefined();
  });
});

describe('E-01: our own endpoints', () => {
  const addressesHere = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addressesHere.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

  it.each([
    ['by address', '127.0.0.1', ['127.0.0.1']],
    ['by name', 'db.internal', ['127.0.0.1']],
    ['at all addresses', '0.0.0.0', ['127.0.0.1']],
    ['by another address of this machine', '127.0.0.1', ['127.0.0.9']],
    ['by another address of this machine', 'db.internal', ['::1']],
    ['by the address of a network card', '127.0.0.1', outer === undefined ? ['127.0.0.1'] : [outer]],
    ['among others', '127.0.0.1', ['127.0.0.2', '127.0.0.1']],
    ['without being found', 'gone.internal', ['127.0.0.1']],
  ])('are not reached: %s', async (_, host, addresses) => {
    const canary = await kept(canarySink('0.0.0.0'));
    const egress = egressWith({
      networks: [...loopback, ...(outer === undefined ? [] : [`${outer}/32`])],
      own: [{ host, port: canary.port, byAddress: true }],
      hosts: { 'db.internal': ['127.0.0.1'], 'alias.internal': addresses },
    });
    expect(await errorOf(egress, `http://alias.internal:${canary.port}/`)).toBe('target_not_allowed');
    expect(canary.connections).toBe(0);
  });

  it('leave others on the same machine, and at the same port elsewhere, alone', async () => {
    const sink = await kept(httpSink((_, response) => response.end()));
    const egress = egressWith({
      networks: loopback,
      own: [
        { host: '127.0.0.1', port: 1, byAddress: true },
        { host: '10.0.0.5', port: sink.port, byAddress: true },
      ],
    });
    expect((await egress.request(`http://127.0.0.1:${sink.port}/`, limits)).status).toBe(200);
  });
});

describe('E-03: a DNS that changes its mind', () => {
  const allowed = '127.0.0.2';
  const forbidden = '127.0.0.1';
  let sink: Sink;
  let canary: Sink;

  beforeEach(async () => {
    sink = await kept(httpSink((_, response) => response.end('sink'), allowed));
    canary = await kept(canarySink(forbidden, sink.port));
  });

  it('leads to the address that was checked, or nowhere, 1,000 times', async () => {
    let lookups = 0;
    const flipping = () => [lookups++ % 2 === 0 ? allowed : forbidden];
    const egress = egressWith({ networks: [`${allowed}/32`], hosts: { 'hooks.example.com': flipping } });
    const outcomes = { sink: 0, target_not_allowed: 0 };
    for (let round = 0; round < 1_000; round += 1) {
      const outcome = await egress
        .request(`http://hooks.example.com:${sink.port}/`, limits)
        .then(({ body }) => body.toString())
        .catch((error: EgressError) => error.code);
      outcomes[outcome as keyof typeof outcomes] += 1;
    }
    // One look-up per attempt: there is no second one that could say something else.
    expect(lookups).toBe(1_000);
    expect(outcomes).toEqual({ sink: 500, target_not_allowed: 500 });
    expect(canary.connections).toBe(0);
  });

  it('is checked again at each attempt, although a connection is open', async () => {
    const addresses = [[allowed], [allowed], [forbidden], [allowed, forbidden], [allowed]];
    const egress = egressWith({
      networks: [`${allowed}/32`],
      hosts: { 'hooks.example.com': () => addresses.shift() ?? [] },
    });
    const outcomes: string[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      outcomes.push(await errorOf(egress, `http://hooks.example.com:${sink.port}/`));
    }
    expect(outcomes).toEqual(['none', 'none', 'target_not_allowed', 'target_not_allowed', 'none', 'refused']);
    expect(canary.connections).toBe(0);
  });

  it('does not matter to a connection that ends up elsewhere: not a byte is sent', async () => {
    const egress = egressWith({
      networks: [`${allowed}/32`],
      hosts: { 'hooks.example.com': [allowed] },
      connector: { dial: (options) => connect({ ...options, lookup: undefined, host: forbidden }) },
    });
    for (const scheme of ['http', 'https']) {
      expect(await errorOf(egress, `${scheme}://hooks.example.com:${sink.port}/`)).toBe('target_not_allowed');
    }
    await sleep(20);
    expect([sink.connections, canary.received]).toEqual([0, 0]);
  });
});

describe('connections', () => {
  it('are tried at every address that was checked', async () => {
    const sink = await kept(httpSink((_, response) => response.end('here'), '127.0.0.2'));
    const egress = egressWith({ networks: loopback, hosts: { orders: ['127.0.0.3', '127.0.0.2'] } });
    expect((await egress.request(`http://orders:${sink.port}/`, limits)).body.toString()).toBe('here');
  });

  it('are used again while they are open, one request at a time, and closed when nobody needs them', async () => {
    const sink = await kept(httpSink((_, response) => void setTimeout(() => response.end(), 5)));
    const egress = egressWith({ networks: loopback, hosts: { orders: ['127.0.0.1'], others: ['127.0.0.1'] } });
    const url = `http://orders:${sink.port}/`;
    for (let round = 0; round < 5; round += 1) {
      await egress.request(url, limits);
      // A connection is free a moment after its answer.
      await sleep(5);
    }
    expect(sink.connections).toBeLessThan(5);
    await Promise.all(Array.from({ length: 4 }, () => egress.request(url, limits)));
    expect(sink.connections).toBeGreaterThanOrEqual(4);
    const before = sink.connections;
    await egress.request(`http://others:${sink.port}/`, limits);
    expect(sink.connections).toBe(before + 1);
    while (sink.open > 0) await sleep(50);
    await egress.request(url, limits);
    expect(sink.connections).toBe(before + 2);
  });

  it('end with the process: requests in flight are answered, later ones are not sent', async () => {
    const sink = await kept(httpSink((_, response) => void setTimeout(() => response.end('done'), 100)));
    const egress = egressWith({ networks: loopback });
    const url = `http://127.0.0.1:${sink.port}/`;
    const inFlight = egress.request(url, limits);
    while (sink.connections === 0) await sleep(5);
    await egress.onApplicationShutdown();
    expect((await inFlight).body.toString()).toBe('done');
    expect(await errorOf(egress, url)).toBe('refused');
    while (sink.open > 0) await sleep(5);
    expect(sink.connections).toBe(1);
  });
});
