/** What a change of a subscription does to the events on their way to it. */
import { EventEmitter, once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { httpSink, type Sink } from '../support/egress.js';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/subscriptions';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly body: string;
}

let server: TestServer;
let sink: Sink;
let received: Received[];
const arrivals = new EventEmitter();

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  sink = await httpSink((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end();
      received.push({ headers: request.headers, url: request.url ?? '', body: Buffer.concat(chunks).toString() });
      arrivals.emit('arrival');
    });
  });
});

beforeEach(() => {
  received = [];
});

afterAll(async () => {
  await server?.stop();
  await sink?.close();
});

async function create(members: Record<string, unknown> = {}): Promise<{ id: string; signing_secret: string }> {
  const url = `http://127.0.0.1:${sink.port}/hook`;
  const response = await server.asAdmin('POST', path, { name: 'Road', url, event_types: ['nothing'], ...members });
  expect(response.status).toBe(201);
  return (await response.json()) as { id: string; signing_secret: string };
}

async function test(id: string): Promise<string> {
  const response = await server.asAdmin('POST', `${path}/${id}/test`);
  expect(response.status).toBe(202);
  return ((await response.json()) as { event_id: string }).event_id;
}

/** The next requests to the sink, this many of them. */
async function arrived(count: number): Promise<Received[]> {
  while (received.length < count) await once(arrivals, 'arrival');
  return received;
}

function verifies({ headers, body }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

it('a test event takes the road of all, with the headers of the subscription and its signature', async () => {
  const { id, signing_secret } = await create({ headers: { 'X-Region': 'eu' }, source: 'nobody' });
  const eventId = await test(id);
  const [request] = await arrived(1);
  expect(request?.headers).toMatchObject({ 'webhook-id': eventId, 'x-region': 'eu' });
  expect(JSON.parse(request?.body ?? '')).toMatchObject({
    specversion: '1.0',
    type: 'event.test',
    source: server.issuer,
    data: { subscription_id: id },
  });
  expect(request !== undefined && verifies(request, signing_secret)).toBe(true);
});

it('E-07: after a rotation with an overlap both secrets verify, after one without only the new one', async () => {
  const { id, signing_secret: first } = await create();
  const rotate = async (overlap_seconds: number) => {
    const response = await server.asAdmin('POST', `${path}/${id}/rotate-secret`, { overlap_seconds });
    return ((await response.json()) as { signing_secret: string }).signing_secret;
  };
  const second = await rotate(60);
  await test(id);
  const [both] = await arrived(1);
  expect([first, second].map((secret) => both !== undefined && verifies(both, secret))).toEqual([true, true]);
  const third = await rotate(0);
  await test(id);
  const [, one] = await arrived(2);
  expect([first, second, third].map((secret) => one !== undefined && verifies(one, secret))).toEqual([
    ...[false, false, true],
  ]);
});

it('what is held while it is paused flows when it is resumed, to where it leads by then', async () => {
  const { id } = await create();
  const change = (patch: unknown) => server.asAdmin('PATCH', `${path}/${id}`, patch);
  await change({ status: 'paused' });
  const held = await test(id);
  const other = await create();
  await test(other.id);
  await arrived(1);
  expect(received.map(({ headers }) => headers['webhook-id'])).not.toContain(held);
  await change({ url: `http://127.0.0.1:${sink.port}/moved` });
  await change({ status: 'active' });
  const [, flowing] = await arrived(2);
  expect(flowing).toMatchObject({ url: '/moved', headers: { 'webhook-id': held } });
});

it('nothing reaches a deleted one', async () => {
  const { id } = await create({ status: 'paused' });
  const held = await test(id);
  await server.asAdmin('DELETE', `${path}/${id}`);
  const other = await create();
  await test(other.id);
  await test(other.id);
  await arrived(2);
  expect(received.map(({ headers }) => headers['webhook-id'])).not.toContain(held);
});
