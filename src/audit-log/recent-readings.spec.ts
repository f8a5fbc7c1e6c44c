import { RecentReadings } from './recent-readings.js';

const minute = 60_000;

describe('the readings of the last ten minutes', () => {
  it('are recorded once each, however often they are repeated', async () => {
    const readings = new RecentReadings(10);
    const record = jest.fn(() => Promise.resolve());
    for (const now of [0, minute, 10 * minute - 1]) await readings.once('a', now, record);
    expect(record).toHaveBeenCalledTimes(1);
    await readings.once('b', minute, record);
    expect(record).toHaveBeenCalledTimes(2);
  });

  it('are new ones ten minutes after their entry, and where the clock was set back', async () => {
    const readings = new RecentReadings(10);
    const record = jest.fn(() => Promise.resolve());
    const times = [20, 25, 30, 39, 40, 5].map((minutes) => minutes * minute);
    for (const now of times) await readings.once('a', now, record);
    expect(record).toHaveBeenCalledTimes(4);
  });

  it('are as many as fit: the one used longest ago is forgotten', async () => {
    const readings = new RecentReadings(3);
    const recorded: string[] = [];
    const read = (name: string) => readings.once(name, 0, () => Promise.resolve(void recorded.push(name)));
    for (const name of ['a', 'b', 'c', 'a', 'd', 'a', 'b']) await read(name);
    expect(recorded).toEqual(['a', 'b', 'c', 'd', 'b']);
    for (let count = 0; count < 1_000; count += 1) await read(`stranger ${count}`);
    expect(readings.size).toBe(3);
  });

  it('wait for the entry that is being written, and fail with it', async () => {
    const readings = new RecentReadings(10);
    const record = jest.fn(async () => {
      await Promise.resolve();
      throw new Error('no database');
    });
    const both = Promise.allSettled([readings.once('a', 0, record), readings.once('a', 1, record)]);
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(record).toHaveBeenCalledTimes(1);
    await readings.once('a', 2, () => Promise.resolve());
    expect(readings.size).toBe(1);
  });
});
