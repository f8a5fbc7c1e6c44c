/**
 * CloudEvents 1.0.2 (core, JSON format, HTTP protocol binding), as the server receives events and hands them on.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | core §3.1 | required attributes, not empty | required attributes |
 * | core §3.1 | attribute names are lower-case letters and digits | names |
 * | core §3.1.1 | types: strings without controls, integers of 32 bits, URIs, timestamps of RFC 3339 | types |
 * | core §3.1 `id` | source and id name the event | the same source and id |
 * | core §3.2 | extensions are kept | extensions |
 * | JSON §2.3 | null is absent | null |
 * | JSON §3.1 | data as JSON, or data_base64, not both | data |
 * | JSON §4 | a batch is an array | batched mode |
 * | HTTP §3 | the media type tells the mode | the mode |
 * | HTTP §3.1 | binary mode: header fields, body as it is | binary mode |
 * | HTTP §3.1.3.2 | quoted strings, percent-encoding of UTF-8, invalid sequences are refused | header values |
 * | HTTP §3.2 | structured mode, UTF-8 | structured mode |
 * | HTTP §3.3 | batched mode | batched mode |
 */
import { CloudEvent, HTTP, type Message } from 'cloudevents';
import { expectProblem, Ledger } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

type Json = Record<string, unknown>;

const structured = 'application/cloudevents+json';
const batched = 'application/cloudevents-batch+json';

let server: TestServer;
let ledger: Ledger;
let token: string;
let count = 0;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  const client = await server.createClient({ client_name: 'C', client_id: 'acme', scope: 'events:publish' });
  token = await server.tokenOf(client);
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function event(more: Json = {}): Json & { id: string } {
  count += 1;
  return { specversion: '1.0', id: `c-${count}`, source: 'acme', type: 'com.example.done', ...more };
}

function post(
  contentType: string | undefined,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  const type: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
  return server.fetch('/events', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...type, ...headers },
    body,
  });
}

/** The event as receivers get it. */
async function received(id: string): Promise<Json> {
  const [row] = await ledger.rows<{ envelope: string }>('SELECT envelope FROM events WHERE source_id = $1', [id]);
  return JSON.parse(row?.envelope ?? 'null') as Json;
}

async function kept(sent: Json & { id: string }): Promise<Json> {
  const response = await post(structured, JSON.stringify(sent));
  expect([response.status, await response.text()]).toEqual([202, expect.any(String)]);
  return received(sent.id);
}

async function refused(sent: Json): Promise<void> {
  await expectProblem(await post(structured, JSON.stringify(sent)), 400);
}

/** In binary mode, with these header fields; answers with the event as receivers get it, or the status of the refusal. */
async function binary(
  fields: Record<string, string>,
  contentType?: string,
  body: string | Buffer = '',
): Promise<Json | number> {
  const { id } = event();
  const own = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': 'acme', 'ce-type': 't', ...fields };
  const response = await post(contentType, body, own);
  return response.status === 202 ? received(id) : response.status;
}

it.each(['specversion', 'id', 'source', 'type'])('required attributes: %s', async (name) => {
  await refused(event({ [name]: undefined }));
  await refused(event({ [name]: '' }));
  await refused(event({ [name]: null }));
});

it('required attributes: the version is 1.0', async () => {
  for (const specversion of ['0.3', '1.1', '1', 1]) await refused(event({ specversion }));
});

it('names', async () => {
  for (const name of ['camelCase', 'with-dash', 'with_line', 'ünder', 'a.b']) await refused(event({ [name]: 'x' }));
  expect(await kept(event({ abc123: 'x', 7: 'y' }))).toMatchObject({ abc123: 'x', 7: 'y' });
});

it('types', async () => {
  for (const wrong of [
    { ext: 1.5 },
    { ext: 2 ** 31 },
    { ext: {} },
    { ext: [] },
    { ext: 'a\u0001' },
    { ext: '\ufffe' },
    { subject: 7 },
    { dataschema: 'relative' },
    { source: 'not a uri' },
    { time: '2026-03-01' },
    { time: '2026-03-01T25:00:00Z' },
  ]) {
    await refused(event(wrong));
  }
  const whole = {
    ext: -(2 ** 31),
    flag: true,
    dataschema: 'urn:x',
    time: '2026-03-01T09:30:00.123456+02:00',
    subject: 'ü 😀',
  };
  expect(await kept(event(whole))).toMatchObject(whole);
});

it('extensions', async () => {
  const traced = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    sequence: '1',
    sampledrate: 30,
  };
  expect(await kept(event(traced))).toMatchObject(traced);
});

it('the same source and id', async () => {
  const sent = event();
  await kept(sent);
  const again = await post(structured, JSON.stringify(sent));
  expect(await again.json()).toMatchObject({ accepted: [{ id: sent.id, duplicate: true }] });
});

it('null', async () => {
  const read = await kept(event({ subject: null, ext: null, datacontenttype: null }));
  expect(Object.keys(read).toSorted()).toEqual(['id', 'source', 'specversion', 'time', 'type']);
});

it('data', async () => {
  for (const data of [{ a: 1 }, [1], 'text', 7, true, null])
    expect((await kept(event({ data })))['data']).toEqual(data);
  expect(await kept(event({ datacontenttype: 'image/png', data_base64: 'iVBORw==' }))).toMatchObject({
    datacontenttype: 'image/png',
    data_base64: 'iVBORw==',
  });
  expect(await kept(event())).not.toHaveProperty('data');
  await refused(event({ data: 1, data_base64: 'AAAA' }));
  await refused(event({ data_base64: '*' }));
});

it('the mode', async () => {
  const { id, ...others } = event();
  const text = JSON.stringify({ id, ...others });
  for (const contentType of [structured, `${structured}; charset=utf-8`, 'Application/CloudEvents+JSON']) {
    expect((await post(contentType, text)).status).toBe(202);
  }
  expect((await post(batched, `[${text}]`)).status).toBe(202);
  for (const contentType of ['application/cloudevents+protobuf', 'application/cloudevents-batch+xml', 'text/plain']) {
    await expectProblem(await post(contentType, text), 415);
  }
});

it('binary mode', async () => {
  expect(await binary({}, 'application/json', '{"a":1}')).toMatchObject({
    datacontenttype: 'application/json',
    data: { a: 1 },
  });
  expect(await binary({}, 'text/plain; charset=utf-8', 'ü')).toMatchObject({ data: 'ü' });
  expect(await binary({}, 'application/octet-stream', Buffer.of(0, 255))).toMatchObject({ data_base64: 'AP8=' });
  expect(await binary({ 'ce-ext': '7' })).toMatchObject({ ext: '7' });
  expect(await binary({ 'ce-datacontenttype': 'text/plain' })).toBe(400);
  expect(await binary({ 'ce-specversion': '0.3' })).toBe(400);
  expect(await binary({}, 'application/json', '{')).toBe(400);
});

it('header values', async () => {
  const subjectOf = async (value: string) => {
    const read = await binary({ 'ce-subject': value });
    return typeof read === 'number' ? read : read['subject'];
  };
  expect(await subjectOf('Euro%20%E2%82%AC%20%F0%9F%98%80')).toBe('Euro € 😀');
  expect(await subjectOf('%41%2525')).toBe('A%25');
  expect(await subjectOf('"a \\"quoted\\" b"')).toBe('a "quoted" b');
  for (const value of ['%C0%A0', '%ED%A0%80', '%FF', '%0', '%00', 'caf\u00e9'])
    expect(await subjectOf(value)).toBe(400);
});

it('structured mode', async () => {
  await expectProblem(await post(`${structured}; charset=utf-16`, JSON.stringify(event())), 415);
  await expectProblem(await post(structured, Buffer.of(0x7b, 0xff, 0x7d)), 400);
  // The body counts, not header fields of the same names.
  const sent = event();
  expect((await post(structured, JSON.stringify(sent), { 'ce-id': 'other', 'ce-type': 'other' })).status).toBe(202);
  expect(await received(sent.id)).toMatchObject({ type: sent['type'] });
});

it('batched mode', async () => {
  const sent = [event({ data: 1 }), event({ data_base64: 'AAAA' })];
  const response = await post(batched, JSON.stringify(sent));
  expect(await response.json()).toMatchObject({ accepted: sent.map(({ id }) => ({ id, duplicate: false })) });
  await expectProblem(await post(batched, JSON.stringify(event())), 400);
  await expectProblem(await post(structured, JSON.stringify([event()])), 400);
});

it.each<[string, (event: CloudEvent<unknown>) => Message]>([
  ['structured', HTTP.structured],
  ['binary', HTTP.binary],
])('the CloudEvents SDK, %s: what it sends is what it reads', async (_, message) => {
  const contents = [
    { data: { a: [1, null] }, datacontenttype: 'application/json' },
    { data: 'text', datacontenttype: 'text/plain' },
    {},
  ];
  for (const content of contents) {
    const own = { source: 'acme/sdk', type: 'com.example.sent', subject: 'x', extension: 'y' };
    const sent = new CloudEvent<unknown>({ ...own, ...content });
    const { headers, body } = message(sent);
    const { 'content-type': contentType, ...others } = headers as Record<string, string>;
    expect((await post(contentType, (body ?? '') as string, others)).status).toBe(202);
    const read = HTTP.toEvent({
      headers: { 'content-type': structured },
      body: JSON.stringify(await received(sent.id)),
    });
    expect(read).toMatchObject({
      id: sent.id,
      source: sent.source,
      type: sent.type,
      subject: 'x',
      extension: 'y',
      time: sent.time,
    });
    expect((read as CloudEvent<unknown>).data).toEqual(content.data);
  }
});
