/** `GET /sync/changes`: the feed of changes, its cursors and its long polls. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { longPollsPerClient } from '../../src/sync/index.js';
import { parseExposition } from '../support/exposition.js';
import { expectBadToken, expectProblem } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Change, type Changes, StateClient } from '../support/state.js';

let server: TestServer;
let service: StateClient;
let reader: StateClient;

async function start(): Promise<void> {
  server = await startServer();
  service = await StateClient.create(server);
  reader = await StateClient.create(server, 'state:read');
}

async function stop(): Promise<void> {
  await server?.stop();
}

const brief = ({ resource_type, resource_id, version, deleted }: Change) =>
  `${resource_type}/${resource_id} ${version}${deleted ? ' deleted' : ''}`;

/** Resolves when `count` requests wait for changes. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const metrics = parseExposition(await (await server.fetch('/metrics')).text());
    if (metrics.get('signet_state_long_polls')?.samples[0]?.value === count) return;
    await sleep(20);
  }
}

describe('the feed', () => {
  beforeAll(start);
  afterAll(stop);

  it('is empty at first, and has a cursor to go on from', async () => {
    const first = await reader.get('changes');
    expect(first.headers.get('cache-control')).toBe('no-store');
    const { items, next_cursor } = (await first.json()) as Changes;
    expect(items).toEqual([]);
    expect(next_cursor).toMatch(/^[\w-]{20,100}$/);
    const written = await service.written('price/1', { n: 1 });
    const { changed: _, ...change } = written;
    const page = await reader.changes({ since: next_cursor });
    expect(page.items).toEqual([{ ...change, deleted: false }]);
    expect(Object.keys(page)).toEqual(['items', 'next_cursor']);
    expect(await reader.changes({ since: page.next_cursor })).toEqual({ items: [], next_cursor: page.next_cursor });
  });

  it('has every change, oldest first, page by page, and nothing else', async () => {
    const begin = (await reader.changes()).next_cursor;
    for (let version = 1; version <= 3; version += 1) {
      for (const id of ['a', 'b']) await service.written(`price/${id}`, { version });
    }
    await service.written('price/a', { version: 3 });
    await service.delete('price/a');
    await service.delete('price/a');
    await service.put('price/b', {}, { 'if-match': '"1"' });
    await service.written('price/a', { version: 3 });
    const expected = ['a 1', 'b 1', 'a 2', 'b 2', 'a 3', 'b 3', 'a 4 deleted', 'a 5'].map((each) => `price/${each}`);
    expect((await reader.allChanges(begin)).items.map(brief)).toEqual(expected);
    const pages: string[][] = [];
    let cursor = begin;
    for (let page = 0; page < 4; page += 1) {
      const { items, next_cursor } = await reader.changes({ limit: '3', since: cursor });
      pages.push(items.map(brief));
      cursor = next_cursor;
    }
    expect(pages).toEqual([expected.slice(0, 3), expected.slice(3, 6), expected.slice(6), []]);
  });

  it('of one type has the changes of that type', async () => {
    for (let number = 1; number <= 4; number += 1) {
      await service.written(`price/${number}`, {});
      await service.written(`stock/${number}`, {});
    }
    const first = await reader.changes({ resource_type: 'stock', limit: '3' });
    expect(first.items.map(brief)).toEqual(['stock/1 1', 'stock/2 1', 'stock/3 1']);
    const second = await reader.changes({ resource_type: 'stock', since: first.next_cursor });
    expect(second.items.map(brief)).toEqual(['stock/4 1']);
    await service.written('price/5', {});
    const third = await reader.changes({ resource_type: 'stock', since: second.next_cursor });
    expect(third.items).toEqual([]);
    await service.written('stock/5', {});
    expect((await reader.changes({ resource_type: 'stock', since: third.next_cursor })).items.map(brief)).toEqual([
      'stock/5 1',
    ]);
    expect((await reader.changes({ resource_type: 'nothing' })).items).toEqual([]);
    for (const filter of [{}, { resource_type: 'price' }] as Record<string, string>[]) {
      await expectProblem(
        await reader.get(`changes?${new URLSearchParams({ ...filter, since: second.next_cursor }).toString()}`),
        400,
      );
    }
  });

  it('shows a state of that version or a newer one', async () => {
    await service.written('price/1', { n: 1 });
    const { next_cursor } = await reader.changes();
    await Promise.all(Array.from({ length: 20 }, (_, n) => service.written('price/1', { n: n + 2 })));
    for (const { version } of (await reader.allChanges(next_cursor)).items) {
      const state = (await (await reader.get('price/1')).json()) as { version: number };
      expect(state.version).toBeGreaterThanOrEqual(version);
    }
  });
});

describe('M-15: bad parameters', () => {
  beforeAll(start);
  afterAll(stop);

  it.each([
    ...['0', '-1', '201', '1e9', '1;drop', 'NaN', '', '1.5', '%00'].map((value) => `limit=${value}`),
    ...['31', '-1', '1e9', 'abc', '', '1.5', '030', ' 1', '%00', '0x1', '99'].map((value) => `wait_seconds=${value}`),
    ...['', 'x', 'AAAA', '%00', '0', '1', 'null', 'x'.repeat(2_000), "'--"].map((value) => `since=${value}`),
    ...['', 'a%20b', 'changes', '%00', '*', 'x'.repeat(65)].map((value) => `resource_type=${value}`),
    ...['limit', 'wait_seconds', 'since', 'resource_type'].map((name) => `${name}=1&${name}=1`),
  ])('L-11: %s', async (query) => {
    const response = await reader.get(`changes?${query}`);
    await expectProblem(response, 400);
    expect(await response.text()).toContain(`"pointer":"/${query.split('=', 1)[0]}"`);
  });

  it('cursors of other lists, of other servers, and altered ones', async () => {
    await service.written('price/1', {});
    await service.written('price/2', {});
    const { next_cursor } = await reader.changes({ limit: '1' });
    const scopes = (await (await server.asAdmin('GET', '/admin/oauth/scopes?limit=1')).json()) as Changes;
    const stranger = await startServer();
    const elsewhere = await (await StateClient.create(stranger, 'state:read')).changes();
    await stranger.stop();
    const altered = Array.from(next_cursor).map(
      (letter, at) => `${next_cursor.slice(0, at)}${letter === 'A' ? 'B' : 'A'}${next_cursor.slice(at + 1)}`,
    );
    for (const since of [
      scopes.next_cursor,
      elsewhere.next_cursor,
      `${next_cursor}A`,
      next_cursor.slice(1),
      ...altered,
    ]) {
      await expectProblem(await reader.get(`changes?since=${since}`), 400);
    }
    expect((await server.asAdmin('GET', `/admin/oauth/scopes?cursor=${next_cursor}`)).status).toBe(400);
  });
});

describe('long polls', () => {
  beforeAll(start);
  afterAll(stop);

  it('are answered by a change, at once', async () => {
    const { next_cursor } = await reader.changes();
    const asked = reader.changes({ since: next_cursor, wait_seconds: '30' });
    await waiting(1);
    await service.written('price/1', { n: 1 });
    const page = await asked;
    expect(page.items.map(brief)).toEqual(['price/1 1']);
    expect((await reader.changes({ since: next_cursor, wait_seconds: '30' })).items.map(brief)).toEqual(['price/1 1']);
    await waiting(0);
  });

  it('by a change at another server too', async () => {
    const beside = await startServer({ beside: server });
    const { next_cursor } = await reader.changes();
    const asked = reader.changes({ since: next_cursor, wait_seconds: '30' });
    await waiting(1);
    await service.at(beside).written('price/2', { n: 1 });
    expect((await asked).items.map(brief)).toEqual(['price/2 1']);
    await beside.stop();
  });

  it('of one type, only by a change of that type', async () => {
    const { next_cursor } = await reader.changes({ resource_type: 'stock' });
    const asked = reader.changes({ since: next_cursor, resource_type: 'stock', wait_seconds: '30' });
    await waiting(1);
    for (let number = 0; number < 5; number += 1) await service.written(`price/${number}`, {});
    await waiting(1);
    await service.written('stock/1', {});
    expect((await asked).items.map(brief)).toEqual(['stock/1 1']);
  });

  it('by nothing, in the end', async () => {
    const { next_cursor } = await reader.changes();
    expect(await reader.changes({ since: next_cursor, wait_seconds: '1' })).toEqual({ items: [], next_cursor });
    await waiting(0);
  });

  it('hand out nothing to a token that was revoked during the wait', async () => {
    const ended = await StateClient.create(server);
    const since = (await reader.changes()).next_cursor;
    const asked = ended.get(`changes?since=${since}&wait_seconds=30`);
    await waiting(1);
    const { jti } = decodeJwt(ended.token);
    expect((await server.asAdmin('POST', `/admin/oauth/tokens/${jti}/revoke`, {})).status).toBe(204);
    await service.written('price/7', { n: 7 });
    await expectBadToken(await asked);
    await waiting(0);
  });

  it('L-11: of one client at once are limited; others wait on, and nobody who does not wait is refused', async () => {
    const query = { since: (await reader.changes()).next_cursor, wait_seconds: '30' };
    const asked = Array.from({ length: longPollsPerClient }, () => reader.changes(query));
    await waiting(longPollsPerClient);
    const refused = await reader.get('changes?wait_seconds=1');
    await expectProblem(refused, 429);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect((await reader.get('changes')).status).toBe(200);
    const another = service.changes(query);
    await waiting(longPollsPerClient + 1);
    await service.written('price/9', {});
    for (const page of await Promise.all([another, ...asked])) expect(page.items.map(brief)).toEqual(['price/9 1']);
    expect((await reader.changes(query)).items).toHaveLength(1);
  });

  it('end with their connection', async () => {
    const { next_cursor: since } = await reader.changes();
    const polls = Array.from({ length: longPollsPerClient }, () => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.issuer).port) });
      socket.on('error', () => undefined);
      socket.write(
        `GET /sync/changes?since=${since}&wait_seconds=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${reader.token}\r\n\r\n`,
      );
      return socket;
    });
    await waiting(longPollsPerClient);
    for (const [index, socket] of polls.entries()) {
      if (index % 2 === 0) socket.destroy();
      else socket.end();
    }
    await waiting(0);
    expect(await reader.changes({ since, wait_seconds: '1' })).toEqual({ items: [], next_cursor: since });
  });

  it('end with the server, each with an answer', async () => {
    const { next_cursor } = await reader.changes();
    const asked = Array.from({ length: 5 }, () => reader.changes({ since: next_cursor, wait_seconds: '30' }));
    await waiting(5);
    await server.running.close();
    for (const page of await Promise.all(asked)) {
      expect(page).toEqual({ items: [], next_cursor });
    }
    server = await startServer();
  });
});
