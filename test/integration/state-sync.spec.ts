import type { DataSource } from 'typeorm';
import { createDataSource, Postgres } from '../../src/database/index.js';
import { createQueueBackend, ScheduledJobs } from '../../src/queue/index.js';
import { ChangeCompaction } from '../../src/sync/change-compaction.js';
import { ChangeFeedRepository, type FeedChange } from '../../src/sync/change-feed.repository.js';
import { StateRepository } from '../../src/sync/state.repository.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';

const dayMs = 86_400_000;
const anything = { limit: 10_000, span: 10_000, resourceType: undefined };

let database: TestDatabase;
let dataSource: DataSource;
let postgres: Postgres;
let feed: ChangeFeedRepository;
let states: StateRepository;

beforeEach(async () => {
  database = await createMigratedDatabase();
  dataSource = await createDataSource(database.url).initialize();
  postgres = new Postgres(database.url, { max: 4, onError: () => undefined });
  feed = new ChangeFeedRepository(postgres);
  states = new StateRepository(postgres);
});

afterEach(async () => {
  await postgres.close();
  await dataSource.destroy();
  await database.drop();
});

interface Past {
  readonly id: string;
  readonly version: number;
  readonly deleted?: boolean;
  readonly daysAgo: number;
}

/** Appends changes as if they were made some days ago, oldest first. */
async function happened(changes: readonly Past[]): Promise<void> {
  await dataSource.transaction((tx) =>
    states.append(
      tx,
      changes.map(({ id, version, deleted = false, daysAgo }) => ({
        resourceType: 'price',
        resourceId: id,
        version,
        deleted,
        digest: null,
        updatedAt: new Date(Date.now() - daysAgo * dayMs),
      })),
    ),
  );
}

function compaction(): ChangeCompaction {
  const jobs = new ScheduledJobs(createQueueBackend({ postgresUrl: database.url, prefix: '{none}' }));
  return new ChangeCompaction(feed, jobs);
}

async function told(after = 0): Promise<readonly FeedChange[]> {
  return (await feed.stretch(after, anything)).changes;
}

const brief = ({ resourceId, version, deleted }: FeedChange) => `${resourceId}${version}${deleted ? ' deleted' : ''}`;

describe('positions', () => {
  it('are given in the order of commits: nobody overtakes who has one', async () => {
    const append = async (id: string, runner: ReturnType<DataSource['createQueryRunner']>) => {
      const change = { resourceType: 'price', resourceId: id, version: 1, deleted: false, digest: null };
      return states.append(runner.manager, [{ ...change, updatedAt: new Date() }]);
    };
    const runners = [dataSource.createQueryRunner(), dataSource.createQueryRunner()] as const;
    const [late, quick] = runners;
    for (const runner of runners) await runner.startTransaction();
    expect(await append('late', late)).toBe(1);
    const order: string[] = [];
    const overtaking = append('quick', quick).then(async (position) => {
      order.push('quick');
      await quick.commitTransaction();
      return position;
    });
    for (let look = 0; look < 20; look += 1) expect(await told()).toEqual([]);
    order.push('late');
    await late.commitTransaction();
    expect(await overtaking).toBe(2);
    expect(order).toEqual(['late', 'quick']);
    expect((await told()).map(brief)).toEqual(['late1', 'quick1']);
    for (const runner of runners) await runner.release();
  });

  it('of what is rolled back are given again', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    const change = { resourceType: 'price', resourceId: 'a', version: 1, deleted: false, digest: null };
    expect(await states.append(runner.manager, [{ ...change, updatedAt: new Date() }])).toBe(1);
    await runner.rollbackTransaction();
    await runner.release();
    await happened([{ id: 'b', version: 1, daysAgo: 0 }]);
    expect((await told()).map(({ position }) => position)).toEqual([1]);
  });
});

describe('a stretch of the feed', () => {
  it('tells how far it goes, whatever the filter leaves', async () => {
    await happened(Array.from({ length: 10 }, (_, index) => ({ id: `${index}`, version: 1, daysAgo: 0 })));
    expect(await feed.stretch(0, { limit: 3, span: 3, resourceType: undefined })).toMatchObject({
      readTo: 3,
      atEnd: false,
      head: 10,
    });
    expect(await feed.stretch(7, { limit: 3, span: 3, resourceType: undefined })).toMatchObject({
      readTo: 10,
      atEnd: false,
    });
    expect(await feed.stretch(8, { limit: 3, span: 3, resourceType: undefined })).toMatchObject({
      readTo: 10,
      atEnd: true,
    });
    expect(await feed.stretch(10, { limit: 3, span: 3, resourceType: undefined })).toEqual({
      changes: [],
      readTo: 10,
      atEnd: true,
      head: 10,
    });
    expect(await feed.stretch(0, { limit: 2, span: 4, resourceType: 'stock' })).toEqual({
      changes: [],
      readTo: 4,
      atEnd: false,
      head: 10,
    });
    expect(await feed.stretch(8, { limit: 2, span: 4, resourceType: 'stock' })).toEqual({
      changes: [],
      readTo: 10,
      atEnd: true,
      head: 10,
    });
    expect(await feed.stretch(0, { limit: 2, span: 4, resourceType: 'price' })).toMatchObject({
      readTo: 2,
      atEnd: false,
    });
  });
});

describe('compaction', () => {
  it('takes out what was superseded seven days ago, and leaves the newest change of each resource', async () => {
    await happened([
      { id: 'a', version: 1, daysAgo: 30 },
      { id: 'b', version: 1, daysAgo: 29 },
      { id: 'a', version: 2, daysAgo: 20 },
      { id: 'c', version: 1, daysAgo: 15 },
      { id: 'c', version: 2, deleted: true, daysAgo: 14 },
      { id: 'a', version: 3, daysAgo: 8 },
      { id: 'a', version: 4, daysAgo: 6 },
      { id: 'b', version: 2, daysAgo: 5 },
      { id: 'a', version: 5, daysAgo: 0 },
    ]);
    const job = compaction();
    expect(await job.compact()).toBe(3);
    expect((await told()).map(brief)).toEqual(['b1', 'c2 deleted', 'a3', 'a4', 'b2', 'a5']);
    expect(await job.compact()).toBe(0);
    expect(await compaction().compact()).toBe(0);
    await dataSource.query(`UPDATE state_changes SET updated_at = updated_at - interval '30 days'`);
    expect(await job.compact()).toBe(3);
    expect((await told()).map(brief)).toEqual(['c2 deleted', 'b2', 'a5']);
  });

  it('goes through a long feed in steps, on two processes at once', async () => {
    const changes = Array.from({ length: 5_000 }, (_, index) => ({
      id: `${index % 50}-`,
      version: 1 + Math.floor(index / 50),
      daysAgo: 10,
    }));
    await happened(changes);
    const counts = await Promise.all([compaction().compact(), compaction().compact()]);
    expect(counts[0] + counts[1]).toBe(4_950);
    expect((await told()).map(({ version }) => version)).toEqual(Array.from({ length: 50 }, () => 100));
  });

  it('leads whoever comes with any old cursor to what is true', async () => {
    const history = Array.from({ length: 400 }, (_, index) => ({
      id: `${(index * index * 7) % 13}-`,
      deleted: index % 5 === 0,
      daysAgo: 20 - index / 20,
      version: 0,
    }));
    const versions = new Map<string, number>();
    const numbered = history.map((change) => {
      const version = (versions.get(change.id) ?? 0) + 1;
      versions.set(change.id, version);
      return { ...change, version };
    });
    await happened(numbered);
    const apply = (
      known: ReadonlyMap<string, number>,
      changes: readonly { id: string; version: number; deleted: boolean }[],
    ) => {
      const next = new Map(known);
      for (const { id, version, deleted } of changes) {
        if (deleted) next.delete(id);
        else next.set(id, version);
      }
      return next;
    };
    const truth = apply(new Map(), numbered);
    expect(await compaction().compact()).toBeGreaterThan(100);
    for (let cursor = 0; cursor <= 400; cursor += 7) {
      const known = apply(new Map(), numbered.slice(0, cursor));
      const rest = (await told(cursor)).map(({ resourceId: id, version, deleted }) => ({ id, version, deleted }));
      expect(apply(known, rest)).toEqual(truth);
    }
  });
});
