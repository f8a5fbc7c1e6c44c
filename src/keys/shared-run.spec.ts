import { SharedRun } from './shared-run.js';

/** Work that ends when it is told to, and counts how often it has begun. */
function steeredWork() {
  const runs: { end: () => void; fail: (error: Error) => void }[] = [];
  const work = () => new Promise<void>((end, fail) => runs.push({ end, fail }));
  return { runs, shared: new SharedRun(work) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('SharedRun', () => {
  it('begins at once, and lets all who come meanwhile share the next one', async () => {
    const { runs, shared } = steeredWork();
    const first = shared.run();
    await settled();
    expect(runs).toHaveLength(1);
    const later = Array.from({ length: 100 }, () => shared.run());
    await settled();
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await first;
    await settled();
    expect(runs).toHaveLength(2);
    runs[1]?.end();
    await Promise.all(later);
    expect(runs).toHaveLength(2);
  });

  it('tells of a failure those who shared it, and nobody else', async () => {
    const { runs, shared } = steeredWork();
    const first = shared.run();
    await settled();
    const second = shared.run();
    runs[0]?.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settled();
    runs[1]?.end();
    await expect(second).resolves.toBeUndefined();
  });
});
