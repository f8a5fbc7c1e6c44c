/** `/sync` on two servers with one database: who is first, who is next, and in which order it is told. */
import { startServer, type TestServer } from '../support/server.js';
import { type Change, StateClient } from '../support/state.js';

let one: TestServer;
let other: TestServer;
let service: StateClient;

beforeAll(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
  service = await StateClient.create(one);
});

afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

const ascending = (a: number, b: number) => a - b;

const serverAt = (number: number) => (number % 2 === 0 ? one : other);

it('of N first writers of a type one gets it', async () => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => StateClient.create(one)));
  for (let round = 0; round < 15; round += 1) {
    const answers = await Promise.all(
      clients.map((client, index) => client.at(serverAt(index)).put(`claimed-${round}/${index % 3}`, { index })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted(ascending)).toEqual([201, 403, 403, 403, 403, 403]);
    const owner = statuses.indexOf(201);
    const again = await Promise.all(clients.map((client) => client.put(`claimed-${round}/0`, { again: true })));
    expect(again.map(({ ok }) => ok)).toEqual(clients.map((_, index) => index === owner));
  }
});

it('of N first writers of a resource one creates it', async () => {
  for (let round = 0; round < 15; round += 1) {
    const path = `created/${round}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        service.at(serverAt(index)).put(path, { index }, index < 6 ? { 'if-none-match': '*' } : {}),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.slice(0, 6).filter((status) => status !== 201 && status !== 412)).toEqual([]);
    expect(statuses.slice(6).filter((status) => status !== 201 && status !== 200)).toEqual([]);
  }
});

it('of N conditional writers one wins each version', async () => {
  await service.written('counter/1', { n: 0 });
  for (let version = 1; version <= 20; version += 1) {
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        service.at(serverAt(index)).put('counter/1', { version, index }, { 'if-match': `"${version}"` }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, 412, 412, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200);
    expect(winner?.headers.get('etag')).toBe(`"${version + 1}"`);
  }
});

it('a counter that many raise by If-Match loses nothing', async () => {
  await service.written('counter/2', { n: 0 });
  const raise = async (client: StateClient): Promise<void> => {
    for (;;) {
      const read = await client.get('counter/2');
      const { state } = (await read.json()) as { state: { n: number } };
      const written = await client.put('counter/2', { n: state.n + 1 }, { 'if-match': read.headers.get('etag') ?? '' });
      if (written.status === 200) return;
      expect(written.status).toBe(412);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, index) => raise(service.at(serverAt(index)))));
  expect(await (await service.get('counter/2')).json()).toMatchObject({ version: 17, state: { n: 16 } });
});

it('deletion and writing again: each version is one change', async () => {
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const client = service.at(serverAt(index));
      const answer = index % 3 === 0 ? await client.delete('flicker/1') : await client.put('flicker/1', { index });
      expect([200, 201, 204, 404, 410]).toContain(answer.status);
    }),
  );
  const { items } = await service.allChanges(undefined, { resource_type: 'flicker' });
  expect(items.map(({ version }) => version)).toEqual(items.map((_, index) => index + 1));
  for (const [index, { deleted }] of items.entries()) {
    if (deleted) expect([index, items[index - 1]?.deleted]).toEqual([index, false]);
  }
});

it('followers of the feed see every change once, in order, while many write', async () => {
  const start = (await service.allChanges()).cursor;
  let writing = true;
  const follow = async (server: TestServer, wait: string): Promise<Change[]> => {
    const client = service.at(server);
    const seen: Change[] = [];
    for (let cursor = start; ;) {
      const ending = !writing;
      const page = await client.changes({ since: cursor, limit: '7', wait_seconds: ending ? '0' : wait });
      seen.push(...page.items);
      cursor = page.next_cursor;
      if (ending && page.items.length === 0) return seen;
    }
  };
  const followers = [follow(one, '1'), follow(other, '1'), follow(one, '0'), follow(other, '0')];
  const ledger: string[] = [];
  const write = async (writer: number): Promise<void> => {
    for (let round = 0; round < 25; round += 1) {
      const path = `ledger/${(writer * 7 + round) % 10}`;
      const client = service.at(serverAt(writer + round));
      const { version, changed } = await client.written(path, { writer, round });
      if (changed) ledger.push(`${path} ${version}`);
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, writer) => write(writer)));
  writing = false;
  const feeds = await Promise.all(followers);
  for (const feed of feeds) {
    const told = feed.map(({ resource_type, resource_id, version }) => `${resource_type}/${resource_id} ${version}`);
    expect(told).toEqual(
      feeds[0]?.map(({ resource_type, resource_id, version }) => `${resource_type}/${resource_id} ${version}`),
    );
    expect(told.toSorted()).toEqual(ledger.toSorted());
    const newest = new Map<string, number>();
    for (const { resource_id, version } of feed) {
      expect(version).toBe((newest.get(resource_id) ?? 0) + 1);
      newest.set(resource_id, version);
    }
  }
  expect(ledger).toHaveLength(300);
});
