/** `/sync/{resource_type}/{resource_id}`: states are written, read and deleted as http-api.md "State sync and caches" says. */
import { expectProblem, expectTooLittleScope, Ledger } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';
import { StateClient, type Written } from '../support/state.js';

let server: TestServer;
let ledger: Ledger;
let service: StateClient;
let reader: StateClient;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  service = await StateClient.create(server);
  reader = await StateClient.create(server, 'state:read');
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

let numbers = 0;

/** A resource that nobody has used. */
function fresh(): string {
  numbers += 1;
  return `price/article-${numbers}`;
}

/** The events that were appended while `act` ran. */
async function eventsOf(act: () => Promise<unknown>): Promise<unknown[]> {
  const select = `SELECT id, subject, data FROM events WHERE type = 'state.changed' ORDER BY seq`;
  const before = new Set((await ledger.rows<{ id: string }>(select)).map(({ id }) => id));
  await act();
  const after = await ledger.rows<{ id: string; subject: string; data: unknown }>(select);
  return after.filter(({ id }) => !before.has(id)).map(({ subject, data }) => ({ subject, data }));
}

async function expectWritten(response: Response, status: number, expected: Partial<Written>): Promise<Written> {
  const body = (await response.json()) as Written;
  expect([response.status, body]).toEqual([status, expect.objectContaining(expected)]);
  expect(Object.keys(body)).toEqual(['resource_type', 'resource_id', 'version', 'changed', 'updated_at']);
  expect(body.updated_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(response.headers.get('etag')).toBe(`"${body.version}"`);
  return body;
}

describe('the life of a resource', () => {
  it('created, changed, left as it is, deleted, created again', async () => {
    const path = fresh();
    const [resource_type, resource_id] = path.split('/');
    const key = { resource_type, resource_id } as Partial<Written>;
    const event = (version: number, deleted: boolean) => ({
      subject: path,
      data: { resource_type, resource_id, version, deleted },
    });

    expect((await service.get(path)).status).toBe(404);
    expect(
      await eventsOf(async () => {
        await expectWritten(await service.put(path, { net: 1 }), 201, { ...key, version: 1, changed: true });
      }),
    ).toEqual([event(1, false)]);
    const second = await expectWritten(await service.put(path, { net: 2, gross: 3 }), 200, {
      version: 2,
      changed: true,
    });
    expect(
      await eventsOf(async () => {
        const same = await expectWritten(await service.put(path, '{ "gross":3.0, "net":2 }'), 200, { changed: false });
        expect(same).toEqual({ ...second, changed: false });
      }),
    ).toEqual([]);

    const read = await reader.get(path);
    expect([read.status, await read.json()]).toEqual([
      200,
      { ...key, version: 2, updated_at: second.updated_at, state: { net: 2, gross: 3 } },
    ]);

    expect(
      await eventsOf(async () => {
        const deleted = await service.delete(path);
        expect([deleted.status, await deleted.text()]).toEqual([204, '']);
      }),
    ).toEqual([event(3, true)]);
    await expectProblem(await reader.get(path), 410);
    expect(await eventsOf(async () => expectProblem(await service.delete(path), 410))).toEqual([]);
    await expectWritten(await service.put(path, { net: 2, gross: 3 }), 201, { ...key, version: 4, changed: true });
    expect((await reader.get(path)).headers.get('etag')).toBe('"4"');
  });

  it('reads are cached, and revalidated', async () => {
    const path = fresh();
    await service.written(path, { a: 1 });
    const read = await reader.get(path);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(read.headers.get('cache-control')).toBe('private, max-age=300');
    expect(read.headers.get('content-type')).toBe('application/json; charset=utf-8');
    for (const known of ['"1"', 'W/"1"', '"0", "1"', '*']) {
      const again = await reader.get(path, { 'if-none-match': known });
      expect([known, again.status, await again.text()]).toEqual([known, 304, '']);
      expect(again.headers.get('etag')).toBe('"1"');
      expect(again.headers.get('cache-control')).toBe('private, max-age=300');
    }
    for (const unknown of ['"2"', '"11"', '1', '"', 'W/"2"', '']) {
      expect((await reader.get(path, { 'if-none-match': unknown })).status).toBe(200);
    }
    await service.written(path, { a: 2 });
    expect((await reader.get(path, { 'if-none-match': '"1"' })).status).toBe(200);
    const head = await reader.fetch(`/sync/${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, '"2"', '']);
  });

  it('a state is given back as it was sent', async () => {
    const path = fresh();
    const text = '{"big":12345678901234567890,"b":1.10,"a":[1e2,-0.0],"\\u00e9":"\\/é\\u2028","":{ "x" :null}}';
    await service.written(path, ` \n${text} `);
    expect((await (await reader.get(path)).text()).endsWith(`,"state":${text}}`)).toBe(true);
  });

  it('numbers are compared by their value, however long', async () => {
    const path = fresh();
    const versionOf = async (text: string) => (await service.written(path, `{"n":${text}}`)).version;
    const versions: number[] = [];
    const texts = [
      '12345678901234567890',
      '12345678901234567891',
      '1',
      '1.0',
      '10e-1',
      '1.0000000000000000001',
      '0',
      '-0',
    ];
    for (const text of texts) versions.push(await versionOf(text));
    expect(versions).toEqual([1, 2, 3, 3, 3, 4, 5, 5]);
  });
});

describe('conditional writes (RFC 9110 §13)', () => {
  it('If-Match and If-None-Match decide on a write', async () => {
    const path = fresh();
    const statusOf = async (fields: Record<string, string>, state: unknown = { at: numbers }) =>
      (await service.put(path, state, fields)).status;
    expect(await statusOf({ 'if-match': '*' })).toBe(412);
    expect(await statusOf({ 'if-match': '"1"' })).toBe(412);
    expect(await statusOf({ 'if-none-match': '*' }, { n: 1 })).toBe(201);
    expect(await statusOf({ 'if-none-match': '*' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-none-match': 'W/"1"' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-match': 'W/"1"' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-match': '"2"' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-match': '' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-match': '"0", "1"' }, { n: 2 })).toBe(200);
    expect(await statusOf({ 'if-match': '"1"' }, { n: 2 })).toBe(412);
    expect(await statusOf({ 'if-match': '*' }, { n: 3 })).toBe(200);
    expect(await statusOf({ 'if-none-match': '"1", "2"' }, { n: 4 })).toBe(200);
    expect(await statusOf({ 'if-match': '"4"', 'if-none-match': '"4"' }, { n: 5 })).toBe(412);
    // The same content under a condition that does not hold is no success either.
    expect(await statusOf({ 'if-match': '"1"' }, { n: 4 })).toBe(412);
    expect(await (await reader.get(path)).json()).toMatchObject({ version: 4, state: { n: 4 } });
  });

  it('and on a deletion, and on a tombstone', async () => {
    const path = fresh();
    await expectProblem(await service.delete(path, { 'if-match': '*' }), 404);
    await service.written(path, {});
    await expectProblem(await service.delete(path, { 'if-match': '"2"' }), 412);
    await expectProblem(await service.delete(path, { 'if-none-match': '*' }), 412);
    expect((await service.delete(path, { 'if-match': '"1"' })).status).toBe(204);
    await expectProblem(await service.delete(path, { 'if-match': '"2"' }), 410);
    for (const tag of ['*', '"1"', '"2"']) await expectProblem(await service.put(path, {}, { 'if-match': tag }), 412);
    expect((await service.put(path, {}, { 'if-none-match': '*' })).status).toBe(201);
  });

  it('a condition that cannot be read is refused by name', async () => {
    const path = fresh();
    for (const [name, value] of [
      ['if-match', '1'],
      ['if-none-match', '"a'],
      ['if-match', '*, "1"'],
    ] as const) {
      for (const response of [
        await service.put(path, {}, { [name]: value }),
        await service.delete(path, { [name]: value }),
      ]) {
        await expectProblem(response, 400);
        expect((await response.text()).toLowerCase()).toContain(name);
      }
    }
    expect((await service.get(path)).status).toBe(404);
  });

  it('L-07: however long the list is', async () => {
    const path = fresh();
    await service.written(path, {});
    for (const value of [
      '"'.repeat(8_000),
      ' '.repeat(8_000) + 'x',
      'W/"'.repeat(2_600),
      '"a",'.repeat(2_000),
      ',"'.repeat(4_000),
    ]) {
      expect((await reader.get(path, { 'if-none-match': value })).status).toBe(200);
      expect([400, 412]).toContain((await service.put(path, {}, { 'if-match': value })).status);
    }
  });
});

describe('the owner of a type', () => {
  it('is who writes it first: others may read it, and nothing else', async () => {
    const other = await StateClient.create(server);
    const type = 'stock';
    const { entries } = await ledger.entriesOf(() => service.written(`${type}/1`, { n: 1 }));
    expect(entries).toMatchObject([
      { action: 'state.type_claimed', success: true, target_type: 'state_type', target_id: type },
    ]);
    const again = await ledger.entriesOf(() => service.written(`${type}/2`, { n: 1 }));
    expect(again.entries).toEqual([]);

    for (const path of [`${type}/1`, `${type}/9`]) {
      const { response, entry } = await ledger.refused(() => other.put(path, { n: 2 }));
      await expectProblem(response, 403);
      expect(entry.action).toBe('access.denied');
      await expectProblem((await ledger.refused(() => other.delete(path))).response, 403);
      await expectProblem(await other.put(path, { n: 2 }, { 'if-match': '"7"' }), 403);
    }
    expect((await other.get(`${type}/1`)).status).toBe(200);
    expect((await other.get(`${type}/9`)).status).toBe(404);
    expect((await service.delete(`${type}/1`)).status).toBe(204);
    await expectProblem(await other.put(`${type}/1`, { n: 2 }), 403);
  });

  it('a write that is refused takes no type', async () => {
    const other = await StateClient.create(server);
    await expectProblem(await service.delete('untaken/1'), 404);
    await expectProblem(await service.put('untaken/1', {}, { 'if-match': '*' }), 412);
    await expectProblem(await service.put('untaken/1', '[]'), 400);
    expect((await other.put('untaken/1', {})).status).toBe(201);
  });

  it('upper and lower case are two', async () => {
    const other = await StateClient.create(server);
    expect((await service.put('Case/1', {})).status).toBe(201);
    expect((await other.put('case/1', {})).status).toBe(201);
  });
});

describe('M-01: scopes', () => {
  it('reading and writing are two', async () => {
    const path = fresh();
    await expectTooLittleScope(await reader.put(path, {}), 'state:write');
    await expectTooLittleScope(await reader.delete(path), 'state:write');
    const writer = await StateClient.create(server, 'state:write');
    await expectTooLittleScope(await writer.get(path), 'state:read');
    await expectTooLittleScope(await writer.get('changes'), 'state:read');
    expect((await writer.put('written/1', {})).status).toBe(201);
    const admin = await StateClient.create(server, 'admin:full');
    await expectTooLittleScope(await admin.get(path), 'state:read');
  });
});
