import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { exampleName, issueCertificate } from '../support/certificate-authority.js';
import { listen, type Sink, tcpSink } from '../support/egress.js';
import { EventRoad } from '../support/event-road.js';
import { type Receiver, startReceiver, until } from '../support/receiver.js';
import { startServer, type TestServer } from '../support/server.js';

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
const hasty = { timeout_ms: 300, retry: { backoff_seconds: [1] } };

let server: TestServer;
let road: EventRoad;
let healthy: Receiver;
let sinks: Sink[];

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  road = new EventRoad(server);
});

beforeEach(async () => {
  sinks = [];
  healthy = await startReceiver();
});

afterEach(async () => {
  await road.clear();
  await Promise.all(sinks.map((sink) => sink.close()));
  await healthy.close();
});

afterAll(() => server.stop());

/** The first attempt at an endpoint, while a healthy one gets the same event. */
async function firstAttempt(scheme: 'http' | 'https', sink: Sink) {
  sinks.push(sink);
  const { id } = await road.subscribe(`${scheme}://127.0.0.1:${sink.port}/`, hasty);
  const { id: beside } = await road.subscribe(healthy.url);
  await road.publish({});
  await until(() => road.allAre('succeeded', 1, beside));
  await until(async () => (await road.deliveries(id))[0]?.attempts.length !== 0);
  return (await road.delivery(id)).attempts[0];
}

/** A sink that waits for a request, and then does what it likes. */
function hostile(answer: (socket: Socket) => void): Promise<Sink> {
  return tcpSink((socket) => socket.once('data', () => answer(socket)));
}

/** Writes `next` over and over, as fast as it is read. */
function flood(socket: Socket, next: string | Uint8Array): void {
  const more = () => {
    while (!socket.destroyed && socket.write(next));
  };
  socket.on('drain', more);
  more();
}

describe('E-05: an endpoint that', () => {
  it.each<[string, (socket: Socket) => void, Record<string, unknown>]>([
    ['never answers', () => undefined, { status_code: null, error: 'timeout', response_excerpt: null }],
    [
      'answers for ever',
      (socket) => {
        socket.write(`${head}\r\n`);
        flood(socket, Buffer.alloc(65_536, 'x'));
      },
      { status_code: 200, error: null, response_excerpt: 'x'.repeat(1_024) },
    ],
    [
      'answers a byte at a time',
      (socket) => {
        socket.write(`${head}Content-Length: 100000\r\n\r\n`);
        const timer = setInterval(() => socket.write('x'), 50);
        socket.on('close', () => clearInterval(timer));
      },
      { status_code: 200, error: null },
    ],
    [
      'says that it is done and no more',
      (socket) => socket.write(`${head}Content-Length: 10\r\n\r\nok`),
      { status_code: 200, error: null, response_excerpt: 'ok' },
    ],
    [
      'says that it is done and hangs up',
      (socket) => void socket.write(`${head}Content-Length: 10\r\n\r\n`, () => setTimeout(() => socket.destroy(), 50)),
      { status_code: 200, error: null, response_excerpt: null },
    ],
    [
      'says that it is busy and no more',
      (socket) => socket.write('HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 10\r\n\r\n'),
      { status_code: 503, error: 'http_503' },
    ],
    [
      'sends a header without an end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        flood(socket, `x-filler: ${'y'.repeat(8_000)}\r\n`);
      },
      { status_code: null, error: 'too_large' },
    ],
    [
      'sends a bomb',
      (socket) => {
        const bomb = gzipSync(Buffer.alloc(10_000_000));
        socket.write(`${head}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`);
        socket.write(bomb);
      },
      { status_code: 200, error: null },
    ],
    ['hangs up', (socket) => socket.destroy(), { status_code: null, error: 'refused' }],
    ['speaks HTTP/0.9', (socket) => socket.end('<p>hello'), { status_code: null, error: 'refused' }],
    [
      'asks to go on, again and again',
      (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)),
      { status_code: null, response_excerpt: null },
    ],
  ])('%s, ends the attempt and delays nobody', async (_, answer, seen) => {
    const attempt = await firstAttempt('http', await hostile(answer));
    expect(attempt).toMatchObject(seen);
    expect(Buffer.byteLength(attempt?.response_excerpt ?? '')).toBeLessThanOrEqual(1_024);
  });

  it('says that it is gone and no more, pauses its subscription', async () => {
    const sink = await hostile((socket) => socket.write('HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\n'));
    sinks.push(sink);
    const { id } = await road.subscribe(`http://127.0.0.1:${sink.port}/`, hasty);
    await road.publish({});
    await until(() => road.allAre('held', 1, id));
    const answer = await server.asAdmin('GET', `/admin/events/subscriptions/${id}`);
    expect(await answer.json()).toMatchObject({ status: 'paused', paused_reason: 'gone' });
    expect((await road.delivery(id)).attempts).toMatchObject([{ status_code: 410, error: 'http_410' }]);
  });

  it('is not there, is refused', async () => {
    const gone = await hostile(() => undefined);
    await gone.close();
    expect(await firstAttempt('http', { ...gone, port: gone.port, close: async () => undefined })).toMatchObject({
      status_code: null,
      error: 'refused',
    });
  });
});

describe('E-21: an endpoint over TLS', () => {
  it.each(['self-signed', 'expired'])('with a certificate that is %s gets nothing but tls_error', async (fault) => {
    const { pem, privateKey } = issueCertificate({
      subject: exampleName('127.0.0.1'),
      ips: [[127, 0, 0, 1]],
      ...(fault === 'expired' ? { notAfter: new Date(Date.now() - 86_400_000) } : {}),
    });
    const requests: string[] = [];
    const key = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const tls = createServer({ cert: pem, key }, ({ url = '' }) => void requests.push(url));
    tls.on('tlsClientError', () => undefined);
    const attempt = await firstAttempt('https', await listen(tls));
    expect(attempt).toMatchObject({ status_code: null, error: 'tls_error' });
    expect(requests).toEqual([]);
  });
});
