/**
 * `POST /events` (http-api.md "Events"): what is accepted is stored once, as it was sent; what is refused is stored not at all. E-11,
 * E-13, and who may publish what.
 */
import { randomBytes } from 'node:crypto';
import { CloudEvent, HTTP, type Message } from 'cloudevents';
import { cloudEventLimits, type ProblemBody } from '../../src/protocol/index.js';
import { expectProblem, Ledger } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

interface Accepted {
  readonly id: string;
  readonly event_id: string;
  readonly duplicate: boolean;
}

interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly source_id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly envelope: string;
  readonly publisher: string;
  readonly occurred_at: Date;
  readonly seq: string;
}

const structured = 'application/cloudevents+json';
const batched = 'application/cloudevents-batch+json';

let server: TestServer;
let ledger: Ledger;
let billing: Credentials;
let token: string;
let count = 0;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  billing = await server.createClient({ client_name: 'B', client_id: 'billing', scope: 'events:publish read:profile' });
  token = await server.tokenOf(billing);
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function event(more: Record<string, unknown> = {}): Record<string, unknown> & { id: string } {
  count += 1;
  return { specversion: '1.0', id: `e-${count}`, source: 'billing', type: 'order.paid', ...more };
}

function post(contentType: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return server.fetch('/events', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': contentType, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function acceptedOf(answer: Response | Promise<Response>): Promise<Accepted[]> {
  const response = await answer;
  const text = await response.text();
  expect([response.status, response.status === 202 ? '' : text]).toEqual([202, '']);
  return (JSON.parse(text) as { accepted: Accepted[] }).accepted;
}

async function stored(id: string): Promise<EventRow | undefined> {
  return (await ledger.rows<EventRow>('SELECT * FROM events WHERE source_id = $1', [id]))[0];
}

/** A request as the CloudEvents SDK makes it. */
function sendMessage({ headers, body }: Message): Promise<Response> {
  const { 'content-type': contentType = '', ...others } = headers as Record<string, string>;
  return post(contentType, body, others);
}

async function problemOf(response: Response, status: number): Promise<ProblemBody> {
  await expectProblem(response, status);
  return (await response.json()) as ProblemBody;
}

async function pointersOf(answer: Promise<Response>): Promise<string[]> {
  const { errors } = await problemOf(await answer, 400);
  return (errors ?? []).map(({ pointer }) => pointer);
}

describe('what is accepted', () => {
  it('is stored as it was sent, digit for digit, before the answer', async () => {
    const sent = `{"data":{"n":12345678901234567890.10},"specversion":"1.0","id":"digits","source":"billing/a","type":"t",
      "subject":"s","time":"2026-03-01T10:30:00.5+01:00","ext":7}`;
    const [accepted] = await acceptedOf(post(structured, sent));
    expect(accepted).toEqual({ id: 'digits', event_id: expect.any(String) as string, duplicate: false });
    expect(await stored('digits')).toMatchObject({
      id: accepted?.event_id,
      source: 'billing/a',
      type: 't',
      subject: 's',
      publisher: 'billing',
      occurred_at: new Date('2026-03-01T09:30:00.500Z'),
      envelope:
        '{"specversion":"1.0","id":"digits","source":"billing/a","type":"t","subject":"s","time":"2026-03-01T10:30:00.5+01:00","ext":7,"data":{"n":12345678901234567890.10}}',
    });
  });

  it('gets the time at which it was accepted, if it has none', async () => {
    const sent = event();
    await acceptedOf(post(structured, sent));
    const row = await stored(sent.id);
    expect(JSON.parse(row?.envelope ?? '')).toEqual({ ...sent, time: row?.occurred_at.toISOString() });
  });

  it('comes from the CloudEvents SDK, structured and binary', async () => {
    for (const message of [HTTP.structured, HTTP.binary]) {
      const sent = new CloudEvent({
        source: 'billing/sdk',
        type: 'order.paid',
        subject: '7',
        ext: 'x',
        data: { a: [1, 'ü'] },
      });
      await acceptedOf(sendMessage(message(sent)));
      const kept = JSON.parse((await stored(sent.id))?.envelope ?? '') as Record<string, unknown>;
      expect(kept).toMatchObject({
        source: 'billing/sdk',
        subject: '7',
        ext: 'x',
        time: sent.time,
        data: { a: [1, 'ü'] },
      });
      // What receivers get is what the SDK reads.
      const read = HTTP.toEvent({ headers: { 'content-type': structured }, body: JSON.stringify(kept) });
      expect(read).toMatchObject({ id: sent.id, type: sent.type, data: sent.data });
    }
  });

  it('a batch is answered and numbered in its order', async () => {
    const sent = Array.from({ length: 100 }, () => event({ subject: 'same' })).toReversed();
    const accepted = await acceptedOf(post(batched, sent));
    expect(accepted.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    const rows = await ledger.rows<EventRow>(`SELECT source_id, id FROM events WHERE subject = 'same' ORDER BY seq`);
    expect(rows.map((row) => [row.source_id, row.id])).toEqual(accepted.map(({ id, event_id }) => [id, event_id]));
    expect(rows.map(({ id }) => id).toSorted()).toEqual(rows.map(({ id }) => id));
  });

  it('as application/json: an event, or an array of them', async () => {
    expect(await acceptedOf(post('application/json', event()))).toHaveLength(1);
    expect(await acceptedOf(post('application/json; charset=utf-8', [event(), event()]))).toHaveLength(2);
  });

  it('with as much data as a body can have', async () => {
    const sent = event({ data: Array.from({ length: 60_000 }, (_, index) => index) });
    expect(await acceptedOf(post(structured, sent))).toHaveLength(1);
    const large = event({ data: 'x'.repeat(1_000_000) });
    expect(await acceptedOf(post(structured, large))).toHaveLength(1);
  });

  it('with the longest attributes, which an index must hold', async () => {
    const letters = (length: number) =>
      Array.from({ length }, () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 0x5000))).join('');
    const source = `billing/${randomBytes(2_000).toString('hex')}`.slice(0, cloudEventLimits.source);
    const sent = event({ id: letters(cloudEventLimits.id), source, subject: letters(cloudEventLimits.subject) });
    expect(await acceptedOf(post(structured, sent))).toEqual([expect.objectContaining({ id: sent.id })]);
  });

  it('leaves no entry in the audit log', async () => {
    const { entries } = await ledger.entriesOf(() => acceptedOf(post(structured, event())));
    expect(entries).toEqual([]);
  });
});

describe('E-13: the same source and id', () => {
  it('is a duplicate, and the first payload stands', async () => {
    const sent = event({ data: 1 });
    const [first] = await acceptedOf(post(structured, sent));
    const [second] = await acceptedOf(post(structured, { ...sent, type: 'other.type', data: 2 }));
    expect(second).toEqual({ ...first, duplicate: true });
    const rows = await ledger.rows<EventRow>('SELECT * FROM events WHERE source_id = $1', [sent.id]);
    expect(rows.map(({ type, envelope }) => [type, (JSON.parse(envelope) as { data: unknown }).data])).toEqual([
      ['order.paid', 1],
    ]);
  });

  it('in one batch counts once, and its first payload stands', async () => {
    const [one, other] = [event({ data: 1 }), event()];
    const accepted = await acceptedOf(post(batched, [one, other, { ...one, data: 2 }]));
    expect(accepted.map(({ duplicate }) => duplicate)).toEqual([false, false, true]);
    expect(accepted[2]?.event_id).toBe(accepted[0]?.event_id);
    expect((await stored(one.id))?.envelope).toContain('"data":1');
    const again = await acceptedOf(post(batched, [event(), other]));
    expect(again.map(({ duplicate }) => duplicate)).toEqual([false, true]);
  });

  it('of another source is another event', async () => {
    const sent = event();
    const [one] = await acceptedOf(post(structured, sent));
    const [other] = await acceptedOf(post(structured, { ...sent, source: 'billing/' }));
    expect(other).toMatchObject({ id: sent.id, duplicate: false });
    expect(other?.event_id).not.toBe(one?.event_id);
  });

  it('at the same moment, from two servers and in any order, is one event', async () => {
    const second = await startServer({ beside: server });
    const own = token;
    for (let round = 0; round < 10; round += 1) {
      const sent = Array.from({ length: 20 }, () => event());
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const at = index % 2 === 0 ? server : second;
          const body = JSON.stringify(index % 4 < 2 ? sent : sent.toReversed());
          const headers = { authorization: `Bearer ${own}`, 'content-type': batched };
          return acceptedOf(at.fetch('/events', { method: 'POST', headers, body }));
        }),
      );
      for (const { id } of sent) {
        const all = answers.flat().filter((accepted) => accepted.id === id);
        expect(new Set(all.map(({ event_id }) => event_id)).size).toBe(1);
        expect(all.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      }
    }
    await second.stop();
  });
});

describe('what is refused stores nothing', () => {
  const refused = (act: () => Promise<Response>) => ledger.refused(act);

  it.each([
    'billin',
    'billing2',
    'billing2/x',
    'billing.x',
    'Billing',
    '/billing',
    'other/billing',
    './billing',
    'urn:billing',
    'https://billing/',
    'billing?x',
    'billing#x',
    'billing%2Fx',
    'admin',
  ])('a foreign source: %s', async (source) => {
    const { response, entry } = await refused(() => post(structured, event({ source })));
    await expectProblem(response, 403);
    expect(entry).toMatchObject({
      action: 'event.publish_denied',
      actor_client_id: 'billing',
      target_id: 'POST /events',
    });
  });

  it('the source of the server itself', async () => {
    await expectProblem((await refused(() => post(structured, event({ source: server.issuer })))).response, 403);
  });

  it.each(['oauth.client.created', 'oauth.x', 'state.changed', 'event.dead_lettered', 'event.test', 'event.'])(
    'a reserved type: %s',
    async (type) => {
      await expectProblem((await refused(() => post(structured, event({ type })))).response, 403);
    },
  );

  it('types that only look reserved are none', async () => {
    for (const type of ['oauth', 'states.x', 'events.x', 'order.event.x'])
      await acceptedOf(post(structured, event({ type })));
  });

  it('a batch with one event that is not good', async () => {
    const good = event();
    for (const [bad, status] of [
      [event({ source: 'other' }), 403],
      [event({ type: 'oauth.x' }), 403],
      [event({ time: 'now' }), 400],
      [event({ Bad: 1 }), 400],
    ] as const) {
      const { response } = await refused(() => post(batched, [good, bad]));
      const { detail, errors } = await problemOf(response, status);
      expect(status === 403 ? detail : errors?.[0]?.pointer).toContain('/1');
    }
    expect(await stored(good.id)).toBeUndefined();
  });

  it.each(['id', 'source', 'type', 'subject', 'ext'])('E-11: line ends, NUL and controls in %s', async (name) => {
    for (const value of ['billing\r\nX: y', 'billing\n', 'billing\u0007', 'billing\u0000']) {
      const { response } = await refused(() => post(structured, event({ [name]: value })));
      expect(await pointersOf(Promise.resolve(response))).toEqual([`/${name}`]);
    }
    const header = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': 'billing',
      'ce-type': 't',
      [`ce-${name}`]: 'billing%0d%0aX:y',
    };
    expect(await pointersOf(post('text/plain', 'x', header))).toEqual([`/ce-${name}`]);
  });

  it('what is no event, named by its place', async () => {
    expect(await pointersOf(post(structured, {}))).toEqual(['/specversion', '/id', '/source', '/type']);
    expect(await pointersOf(post(batched, [event(), event({ source: 'a b' })]))).toEqual(['/1/source']);
    expect(await pointersOf(post(batched, []))).toEqual(['']);
    expect(
      await pointersOf(
        post(
          batched,
          Array.from({ length: 101 }, () => event()),
        ),
      ),
    ).toEqual(['']);
    expect(await pointersOf(post(structured, '{"id":"1","id":"1"}'))).toEqual(['/id']);
    expect(await pointersOf(post(structured, '{"__proto__":{}}'))).toEqual(['/__proto__']);
    expect(await pointersOf(post(structured, `{"data":${'['.repeat(40)}`))).toHaveLength(1);
    expect(
      await pointersOf(server.fetch('/events', { method: 'POST', headers: { authorization: `Bearer ${token}` } })),
    ).toEqual(['']);
  });

  it.each([
    'text/plain',
    'application/cloudevents',
    'application/cloudevents+xml',
    'application/x-www-form-urlencoded',
    'x',
  ])('a body that is %s', async (contentType) => {
    await expectProblem((await refused(() => post(contentType, event()))).response, 415);
  });

  it('a body that is compressed, or over 1 MiB', async () => {
    await expectProblem(await post(structured, event(), { 'content-encoding': 'gzip' }), 415);
    await expectProblem(await post(structured, event({ data: 'x'.repeat(1_100_000) })), 413);
  });

  it('whoever has not the scope', async () => {
    const narrow = await server.tokenOf(billing, { scope: 'read:profile' });
    const headers = { authorization: `Bearer ${narrow}` };
    const { response } = await refused(() => post(structured, event(), headers));
    await expectProblem(response, 403);
    expect(response.headers.get('www-authenticate')).toContain('scope="events:publish"');
    await expectProblem(await post(structured, event(), { authorization: `Bearer ${await server.adminToken()}` }), 403);
  });
});
