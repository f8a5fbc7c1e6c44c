import { DatabaseUnavailable } from './database-unavailable.js';
import { GroupCommit, type GroupCommitOptions } from './group-commit.js';

/** A database that commits when the test says so, and remembers what it was given. */
class HeldDatabase {
  readonly batches: (readonly string[])[] = [];
  private readonly held: { settle: () => void; fail: (error: Error) => void }[] = [];
  private readonly arrivals: (() => void)[] = [];

  readonly commit = (items: readonly string[]): Promise<string[]> => {
    this.batches.push(items);
    return new Promise((resolve, reject) => {
      this.held.push({ settle: () => resolve(items.map((item) => `${item}!`)), fail: reject });
      this.arrivals.shift()?.();
    });
  };

  /** Resolves when a commit waits to be settled. */
  async waiting(): Promise<void> {
    if (this.held.length === 0) await new Promise<void>((resolve) => this.arrivals.push(resolve));
  }

  async settleNext(): Promise<void> {
    await this.waiting();
    this.held.shift()?.settle();
  }

  async failNext(error: Error): Promise<void> {
    await this.waiting();
    this.held.shift()?.fail(error);
  }
}

let database: HeldDatabase;

beforeEach(() => {
  database = new HeldDatabase();
});

function groupCommit(options: Partial<GroupCommitOptions<string, string>> = {}): GroupCommit<string, string> {
  return new GroupCommit({ maxBatch: 100, maxQueued: 100, commit: database.commit, ...options });
}

describe('GroupCommit', () => {
  it('writes what arrives in one turn of the event loop at once, and gives each its own result', async () => {
    const group = groupCommit();
    const results = Promise.all(['a', 'b', 'c'].map((item) => group.add(item)));
    await database.settleNext();
    expect(await results).toEqual(['a!', 'b!', 'c!']);
    expect(database.batches).toEqual([['a', 'b', 'c']]);
  });

  it.each([
    ['has not answered', 4_000, ['unavailable', 'unavailable']],
    ['has refused', 5, ['unavailable', 'b!']],
  ])('T-23: what waits behind a batch that the database %s', async (_, durationMs, expected) => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    const group = groupCommit();
    const outcome = (item: string) => group.add(item).catch(() => 'unavailable');
    const first = outcome('a');
    await database.waiting();
    const second = outcome('b');
    clock.mockReturnValue(durationMs);
    await database.failNext(new DatabaseUnavailable());
    expect(await first).toBe(expected[0]);
    if (expected[1] === 'b!') await database.settleNext();
    expect(await second).toBe(expected[1]);
    await group.drained();
    clock.mockRestore();
    const third = group.add('c');
    await database.settleNext();
    expect(await third).toBe('c!');
  });

  it('answers nobody before the commit, and gathers what arrives meanwhile for the next', async () => {
    const group = groupCommit();
    const answered: string[] = [];
    const add = (item: string) => group.add(item).then((result) => answered.push(result));
    const first = add('a');
    await database.waiting();
    const later = [add('b'), add('c')];
    expect(answered).toEqual([]);
    expect(database.batches).toEqual([['a']]);

    await database.settleNext();
    await first;
    expect(answered).toEqual(['a!']);
    await database.settleNext();
    await Promise.all(later);
    expect(database.batches).toEqual([['a'], ['b', 'c']]);
  });

  it('never puts more than maxBatch into one commit, and keeps the order', async () => {
    const group = groupCommit({ maxBatch: 2 });
    const results = Promise.all(['a', 'b', 'c', 'd', 'e'].map((item) => group.add(item)));
    for (let commit = 0; commit < 3; commit += 1) await database.settleNext();
    expect(await results).toEqual(['a!', 'b!', 'c!', 'd!', 'e!']);
    expect(database.batches).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('refuses one more than maxQueued with DatabaseUnavailable, and takes more once there is room', async () => {
    const group = groupCommit({ maxQueued: 2 });
    const first = group.add('a');
    await database.waiting();
    const waiting = [group.add('b'), group.add('c')];
    await expect(group.add('d')).rejects.toThrow(DatabaseUnavailable);

    await database.settleNext();
    await first;
    await database.waiting();
    const late = group.add('e');
    await database.settleNext();
    await database.settleNext();
    expect(await Promise.all([...waiting, late])).toEqual(['b!', 'c!', 'e!']);
  });

  it('writes a failed batch again one by one, so that the bad item fails alone', async () => {
    const fault = new Error('duplicate key');
    const batches: (readonly string[])[] = [];
    const group = groupCommit({
      commit: async (items) => {
        batches.push(items);
        if (items.includes('bad')) throw fault;
        return items.map((item) => `${item}!`);
      },
    });
    const results = await Promise.allSettled(['a', 'bad', 'c'].map((item) => group.add(item)));
    expect(results).toEqual([
      { status: 'fulfilled', value: 'a!' },
      { status: 'rejected', reason: fault },
      { status: 'fulfilled', value: 'c!' },
    ]);
    expect(batches).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
  });

  it('does not try again while the database is away', async () => {
    const group = groupCommit();
    const results = Promise.allSettled(['a', 'b'].map((item) => group.add(item)));
    const fault = new DatabaseUnavailable();
    await database.failNext(fault);
    expect(await results).toEqual([
      { status: 'rejected', reason: fault },
      { status: 'rejected', reason: fault },
    ]);
    expect(database.batches).toHaveLength(1);

    const next = group.add('c');
    await database.settleNext();
    expect(await next).toBe('c!');
  });

  it('fails those of a broken batch that the database no longer takes, and they alone', async () => {
    const group = groupCommit();
    const results = Promise.allSettled(['a', 'b'].map((item) => group.add(item)));
    await database.failNext(new Error('duplicate key'));
    await database.settleNext();
    await database.failNext(new DatabaseUnavailable());
    expect(await results).toMatchObject([{ value: 'a!' }, { reason: expect.any(DatabaseUnavailable) }]);
  });

  it('is drained when nothing waits and nothing is written', async () => {
    const group = groupCommit({ maxBatch: 1 });
    await group.drained();
    const events: string[] = [];
    const items = ['a', 'b'].map((item) => group.add(item).then((result) => events.push(result)));
    const drained = [1, 2].map(() => group.drained().then(() => events.push('drained')));
    await database.settleNext();
    await database.settleNext();
    await Promise.all([...items, ...drained]);
    expect(events).toEqual(['a!', 'b!', 'drained', 'drained']);
  });

  it('is drained after a failed commit as well', async () => {
    const group = groupCommit();
    const item = group.add('a').catch((error: Error) => error.message);
    const drained = group.drained();
    await database.failNext(new Error('disk full'));
    await drained;
    expect(await item).toBe('disk full');
  });
});

describe('GroupCommit that expects items', () => {
  let expected: number;
  const hours = 3_600_000;

  beforeEach(() => {
    expected = 0;
  });

  it('waits for the expected ones, and starts when the last is there', async () => {
    const group = groupCommit({ expected: () => expected, maxWaitMs: hours });
    expected = 1;
    const first = group.add('a');
    await turns();
    expect(database.batches).toEqual([]);
    expected = 0;
    const last = group.add('b');
    await database.settleNext();
    expect(await Promise.all([first, last])).toEqual(['a!', 'b!']);
    expect(database.batches).toEqual([['a', 'b']]);
  });

  it('starts when the expected one will not come', async () => {
    const group = groupCommit({ expected: () => expected, maxWaitMs: hours });
    expected = 1;
    const item = group.add('a');
    await turns();
    expect(database.batches).toEqual([]);
    expected = 0;
    group.expectLess();
    await database.settleNext();
    expect(await item).toBe('a!');
  });

  it('does nothing when less is expected and nothing waits', async () => {
    const group = groupCommit({ expected: () => expected });
    group.expectLess();
    await turns();
    await group.drained();
    expect(database.batches).toEqual([]);
  });

  it('starts with a full batch, whatever is still expected', async () => {
    const group = groupCommit({ expected: () => 1, maxBatch: 2, maxWaitMs: hours });
    const results = Promise.all(['a', 'b'].map((item) => group.add(item)));
    await database.settleNext();
    expect(await results).toEqual(['a!', 'b!']);
  });

  it('waits no longer than maxWaitMs for one that never comes', async () => {
    const group = groupCommit({ expected: () => 1, maxWaitMs: 1 });
    const item = group.add('a');
    await database.settleNext();
    expect(await item).toBe('a!');
  });

  it('does not end before the items that wait for others', async () => {
    const group = groupCommit({ expected: () => 1, maxWaitMs: 1 });
    const item = group.add('a');
    const drained = group.drained();
    await database.settleNext();
    await drained;
    expect(await item).toBe('a!');
  });
});

/** Lets everything run that could run without a timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
