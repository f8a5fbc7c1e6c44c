/** `/sync/{resource_type}/{resource_id}`: bodies and names that are refused, and names that are none the worse for being odd. */
import { rawRequest } from '../support/raw-http.js';
import { expectProblem } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';
import { StateClient } from '../support/state.js';

let server: TestServer;
let service: StateClient;
let reader: StateClient;

beforeAll(async () => {
  server = await startServer();
  service = await StateClient.create(server);
  reader = await StateClient.create(server, 'state:read');
});

afterAll(async () => {
  await server?.stop();
});

let numbers = 0;

/** A resource that nobody has used. */
function fresh(): string {
  numbers += 1;
  return `price/article-${numbers}`;
}

describe('what is refused', () => {
  it('every body that is no JSON object of at most 256 KiB', async () => {
    const path = fresh();
    const full = `{"a":"${'x'.repeat(256 * 1024 - 8)}"}`;
    for (const body of [
      '',
      '[]',
      '1',
      'null',
      '"a"',
      '{"a":1',
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a":1e999}',
      '\ufeff{}',
    ]) {
      await expectProblem(await service.put(path, body), 400);
    }
    await expectProblem(await service.put(path, `${full} `), 413);
    await expectProblem(await service.put(path, `{"a":"${'x'.repeat(1_100_000)}"}`), 413);
    for (const type of ['text/plain', 'application/merge-patch+json', 'application/x-www-form-urlencoded']) {
      await expectProblem(await service.put(path, '{}', { 'content-type': type }), 415);
    }
    await expectProblem(await service.put(path, `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`), 400);
    expect((await service.get(path)).status).toBe(404);
    expect((await service.put(path, full)).status).toBe(201);
    expect((await service.put(path, `{"a":[${'1,'.repeat(130_000)}1]}`)).status).toBe(200);
    expect((await service.put(path, '{}', { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(200);
  });

  it.each(['{"__proto__":{"x":1}}', '{"a":{"constructor":{"prototype":{"x":1}}}}', '{"\\u005f_proto__":1}'])(
    'pollution of prototypes: %s',
    async (body) => {
      await expectProblem(await service.put(fresh(), body), 400);
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    },
  );

  it('a query or body where none belongs changes nothing', async () => {
    const path = fresh();
    const stowaway = await rawRequest(server.issuer, [
      `DELETE /sync/${path} HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${service.token}`,
      'Content-Length: 2',
      '',
      '{}',
    ]);
    expect(stowaway.status).toBe(400);
  });
});

describe('names', () => {
  it.each(['a b', '-a', '.a', '_a', 'é', 'a%2Fb', 'a%00', 'x'.repeat(65), 'changes', 'a:b', '__proto__', '%2e%2e%2fx'])(
    '%s is no type',
    async (type) => {
      for (const response of [
        await service.put(`${type}/1`, {}),
        await service.get(`${type}/1`),
        await service.delete(`${type}/1`),
      ]) {
        await expectProblem(response, 400);
        expect(await response.text()).toContain('/resource_type');
      }
    },
  );

  it.each([
    ['NUL', '%00'],
    ['a line feed', 'a%0Ab'],
    ['DEL', '%7F'],
    ['a control character of C1', '%C2%85'],
    ['a line separator', '%E2%80%A8'],
    ['257 letters', 'x'.repeat(257)],
    ['257 others', encodeURIComponent('😀'.repeat(257))],
  ])('%s: no identifier', async (_, id) => {
    for (const response of [await service.put(`name/${id}`, {}), await service.get(`name/${id}`)]) {
      await expectProblem(response, 400);
      expect(await response.text()).toContain('/resource_id');
    }
  });

  it.each(['%FF', '%C0%80', '%ED%A0%80', '%', '%zz', '%2'])('%s is no URL', async (id) => {
    await expectProblem(await service.get(`name/${id}`), 400);
    await expectProblem(await service.put(`name/${id}`, {}), 400);
  });

  it.each(
    [
      'a/b',
      'a%2Fb',
      '../../etc/passwd',
      'ü 😀;?#&=+"<>\\',
      '__proto__',
      'changes',
      'constructor',
      `' OR 1=1 --`,
      '{}',
      '\u202e',
      'x'.repeat(256),
      '😀'.repeat(256),
    ].map((id) => [id.slice(0, 20), id] as const),
  )('%s is one', async (_, id) => {
    const path = `name/${encodeURIComponent(id)}`;
    expect(await service.written(path, { id })).toMatchObject({ resource_id: id, version: 1 });
    expect(await (await reader.get(path)).json()).toMatchObject({ resource_id: id, state: { id } });
    expect((await service.delete(path)).status).toBe(204);
    expect((await reader.get(path)).status).toBe(410);
  });

  it('steps of a path are none', async () => {
    for (const id of ['.', '..']) {
      const response = await rawRequest(server.issuer, [
        `GET /sync/name/${id} HTTP/1.1`,
        'Host: x',
        `Authorization: Bearer ${service.token}`,
      ]);
      expect(response.status).toBe(400);
    }
  });

  it('other methods are 405, other paths 404', async () => {
    for (const [method, path, allow] of [
      ['POST', 'name/1', 'DELETE, GET, HEAD, PUT'],
      ['PATCH', 'name/1', 'DELETE, GET, HEAD, PUT'],
      ['PUT', 'changes', 'GET, HEAD'],
      ['DELETE', 'changes', 'GET, HEAD'],
      ['POST', 'changes', 'GET, HEAD'],
    ] as const) {
      const response = await service.fetch(`/sync/${path}`, { method });
      expect([method, path, response.status, response.headers.get('allow')]).toEqual([method, path, 405, allow]);
    }
    for (const path of ['', 'name', 'name/', 'name/1/2', 'changes/']) {
      expect([path, (await service.get(path)).status]).toEqual([path, 404]);
    }
  });
});
