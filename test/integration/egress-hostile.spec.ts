import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Egress, EgressError } from '../../src/egress/index.js';
import { httpSink, openEgress, type Sink, tcpSink } from '../support/egress.js';

const networks = ['127.0.0.0/8'];
const patient = { timeoutMs: 20_000, maxBytes: 1_024 };
const hasty = { timeoutMs: 300, maxBytes: 1_024 };

let egress: Egress;
let healthy: Sink;
let sinks: Sink[];

beforeEach(async () => {
  egress = openEgress({ networks });
  healthy = await httpSink((_, response) => response.end('healthy'));
  sinks = [healthy];
});

afterEach(async () => {
  await egress.onApplicationShutdown();
  await Promise.all(sinks.map((sink) => sink.close()));
});

/** A sink that waits for a request, and then does what it likes. */
async function hostile(answer: (socket: Socket) => void): Promise<string> {
  const sink = await tcpSink((socket) => socket.once('data', () => answer(socket)));
  sinks.push(sink);
  return `http://127.0.0.1:${sink.port}/`;
}

/** Writes `next()` over and over, as fast as it is read. */
function flood(socket: Socket, next: () => string | Uint8Array): void {
  const more = () => {
    while (!socket.destroyed && socket.write(next()));
  };
  socket.on('drain', more);
  more();
}

/** How a request ends: the class of its error, or status and body. */
async function outcome(url: string, request: Parameters<Egress['request']>[1]): Promise<string> {
  const result = await egress
    .request(url, request)
    .then(({ status, body }) => `${status} ${body.length}`)
    .catch((error: unknown) => (error instanceof EgressError ? error.code : String(error)));
  const { body } = await egress.request(`http://127.0.0.1:${healthy.port}/`, patient);
  expect(body.toString()).toBe('healthy');
  return result;
}

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';

describe('E-05: the body', () => {
  it.each([
    ['endless', `${head}\r\n`, () => Buffer.alloc(65_536, 'x')],
    ['endless, in chunks', `${head}Transfer-Encoding: chunked\r\n\r\n`, () => `1000\r\n${'x'.repeat(4_096)}\r\n`],
    ['as long as it says', `${head}Content-Length: 1000000000\r\n\r\n`, () => Buffer.alloc(65_536, 'x')],
  ])('that is %s is too large, or cut off', async (_, start, next) => {
    let sent = 0;
    const url = await hostile((socket) => {
      socket.write(start);
      flood(socket, next);
      socket.on('close', () => (sent += socket.bytesWritten));
    });
    expect(await outcome(url, patient)).toBe('too_large');
    expect(await outcome(url, { ...patient, beyond: 'cut' })).toBe('200 1024');
    while (sinks.some((sink) => sink !== healthy && sink.open > 0)) await sleep(5);
    // What the system had buffered when the connection was closed, not what could have been sent.
    expect(sent).toBeLessThan(64_000_000);
  });

  it('of the longest length that is read is read', async () => {
    const url = await hostile((socket) => socket.end(`${head}Content-Length: 1024\r\n\r\n${'x'.repeat(1_024)}`));
    expect(await outcome(url, patient)).toBe('200 1024');
    const longer = await hostile((socket) => socket.end(`${head}Content-Length: 1025\r\n\r\n${'x'.repeat(1_025)}`));
    expect(await outcome(longer, patient)).toBe('too_large');
  });

  it('that is a bomb stays packed', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const url = await hostile((socket) => {
      socket.write(`${head}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`);
      socket.end(bomb);
    });
    expect(await outcome(url, patient)).toBe('too_large');
    expect(await outcome(url, { ...patient, beyond: 'cut' })).toBe('200 1024');
    expect(await outcome(url, { ...patient, maxBytes: 100_000 })).toBe(`200 ${bomb.length}`);
  });

  it('that comes byte by byte is waited for until the time is up', async () => {
    const url = await hostile((socket) => {
      socket.write(`${head}Content-Length: 1000\r\n\r\n`);
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await outcome(url, hasty)).toBe('timeout');
    expect(await outcome(url, { ...hasty, beyond: 'cut' })).toMatch(/^200 [1-9]\d?$/);
  });

  it.each([
    ['shorter than it says', 'Content-Length: 100\r\n\r\nshort', /^200 5$/],
    ['in chunks that are none', 'Transfer-Encoding: chunked\r\n\r\nnot hexadecimal\r\n', /^200 0$/],
    [
      'of two lengths, which is a fault of the header',
      'Content-Length: 5\r\nContent-Length: 6\r\n\r\nshort!',
      /^(refused|invalid_response)$/,
    ],
  ])('that is %s is no response, or one that is cut off', async (_, rest, cut) => {
    const url = await hostile((socket) => socket.end(head + rest));
    expect(await outcome(url, patient)).toMatch(/^(refused|invalid_response)$/);
    expect(await outcome(url, { ...patient, beyond: 'cut' })).toMatch(cut);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['never comes', () => undefined],
    ['breaks off', (socket) => socket.destroy()],
    ['is reset', (socket) => socket.resetAndDestroy()],
  ])('that %s takes nothing away from status and header', async (_, then) => {
    const url = await hostile((socket) => {
      socket.write('HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nx', () =>
        setTimeout(then, 50, socket),
      );
    });
    const response = await egress.request(url, { ...hasty, beyond: 'cut' });
    expect(response).toMatchObject({ status: 503, headers: { 'retry-after': '7' } });
    expect(response.body.toString()).toBe('x');
  });

  it('that is no longer waited for ends the request all the same', async () => {
    const url = await hostile((socket) => socket.write(`${head}Content-Length: 5\r\n\r\n`));
    const givenUp = new AbortController();
    setTimeout(() => givenUp.abort(new Error('given up')), 200);
    expect(await outcome(url, { ...patient, beyond: 'cut', signal: givenUp.signal })).toBe('200 0');
    expect(await outcome(url, { ...patient, signal: AbortSignal.abort(new Error('given up')) })).toBe(
      'Error: given up',
    );
    while (sinks.some((sink) => sink !== healthy && sink.open > 0)) await sleep(5);
  });
});

describe('E-05: the header', () => {
  it.each([
    ['one header of 1 MB', () => `${head}X-Long: ${'x'.repeat(1_000_000)}\r\n\r\n`],
    ['100,000 headers', () => `${head}${'X-A: b\r\n'.repeat(100_000)}\r\n`],
    ['17 KiB of headers', () => `${head}X-Long: ${'x'.repeat(17 * 1_024)}\r\nContent-Length: 0\r\n\r\n`],
  ])('of %s is too large', async (_, answer) => {
    const url = await hostile((socket) => socket.write(answer()));
    expect(await outcome(url, patient)).toBe('too_large');
  });

  it('without an end is too large', async () => {
    const url = await hostile((socket) => {
      socket.write(head);
      flood(socket, () => 'X-A: b\r\n'.repeat(100));
    });
    expect(await outcome(url, patient)).toBe('too_large');
  });

  it('of 15 KiB is read', async () => {
    const url = await hostile((socket) => socket.end(`${head}X-A: ${'x'.repeat(15_000)}\r\nContent-Length: 0\r\n\r\n`));
    expect(await outcome(url, patient)).toBe('200 0');
  });
});

describe('E-05: the answer', () => {
  it('that never comes is waited for until the time is up', async () => {
    const url = await hostile(() => undefined);
    expect(await outcome(url, hasty)).toBe('timeout');
  });

  it('that begins and never goes on is waited for until the time is up', async () => {
    for (const beginning of ['H', 'HTTP/1.1 200 OK\r\n', `${head}Content-Length: 5\r\n\r\n`, `${head}X-A`]) {
      const url = await hostile((socket) => socket.write(beginning));
      expect(await outcome(url, hasty)).toBe('timeout');
    }
  });

  it.each<[string, (socket: Socket) => void]>([
    ['a reset', (socket) => socket.resetAndDestroy()],
    ['a close', (socket) => socket.end()],
    ['a reset in the header', (socket) => void socket.write(head, () => socket.resetAndDestroy())],
    [
      'a reset in the body',
      (socket) => void socket.write(`${head}Content-Length: 9\r\n\r\nx`, () => socket.resetAndDestroy()),
    ],
  ])('that is %s is a refusal', async (_, answer) => {
    expect(await outcome(await hostile(answer), patient)).toBe('refused');
  });

  it.each([
    ['10,000 times 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)],
    ['10,000 times 103 Early Hints', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(10_000)],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'],
  ])('of %s is invalid', async (_, answer) => {
    const url = await hostile((socket) => socket.end(`${answer}${head}Content-Length: 0\r\n\r\n`));
    expect(await outcome(url, patient)).toBe('invalid_response');
  });

  it('after a few early hints is read', async () => {
    const url = await hostile((socket) =>
      socket.end(`${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(3)}${head}Content-Length: 2\r\n\r\nok`),
    );
    expect(await outcome(url, patient)).toBe('200 2');
  });
});

describe('a port of a private target', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['the banner of SSH', (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n')],
    ['the banner of SMTP', (socket) => socket.write('220 mail.example.com ESMTP\r\n')],
    ['HTTP/0.9', (socket) => socket.end('<html>it works</html>')],
    ['a TLS alert', (socket) => socket.end(Buffer.from('15030100020228', 'hex'))],
    ['a close', (socket) => socket.end()],
  ])('is no different from a closed one if it answers with %s', async (_, answer) => {
    const sink = await tcpSink(answer);
    sinks.push(sink);
    const closed = await tcpSink(() => undefined);
    await closed.close();
    const ofOpen = await outcome(`http://127.0.0.1:${sink.port}/`, patient);
    expect([ofOpen, await outcome(`http://127.0.0.1:${closed.port}/`, patient)]).toEqual(['refused', 'refused']);
  });
});

describe('a name', () => {
  it('that is not looked up in time is a timeout', async () => {
    await egress.onApplicationShutdown();
    egress = openEgress({ networks, hosts: { 'hooks.example.com': () => new Promise(() => undefined) } });
    expect(await outcome('https://hooks.example.com/', hasty)).toBe('timeout');
  });

  it('that does not exist is a refusal', async () => {
    expect(await outcome('https://nowhere.example.com/', patient)).toBe('refused');
  });
});
