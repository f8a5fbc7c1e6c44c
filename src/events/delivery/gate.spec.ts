import { Gate } from './gate.js';

describe('a gate', () => {
  it('lets so many in at once, in their order, and goes on after a failure', async () => {
    const gate = new Gate(2);
    const ends: (() => void)[] = [];
    const begun: number[] = [];
    const all = [0, 1, 2, 3].map((number) =>
      gate.pass(async () => {
        begun.push(number);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (number === 0) throw new Error('no');
        return number;
      }),
    );
    const outcomes = Promise.allSettled(all);
    expect(begun).toEqual([0, 1]);
    ends[0]?.();
    await all[0]?.catch(() => undefined);
    expect(begun).toEqual([0, 1, 2]);
    ends[1]?.();
    await all[1];
    expect(begun).toEqual([0, 1, 2, 3]);
    ends[2]?.();
    ends[3]?.();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect(await gate.pass(async () => 'again')).toBe('again');
  });
});
