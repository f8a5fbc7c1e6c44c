import { quickDeathLimit, RestartPolicy, stableAfterMs } from './restart-policy.js';

const quick = { answeredMs: 3, othersWork: false };
const stillborn = { answeredMs: undefined, othersWork: false };
const late = { answeredMs: stableAfterMs, othersWork: false };

describe('the replacement of a worker that has died', () => {
  it('comes at once after a long life', () => {
    const policy = new RestartPolicy();
    expect([late, late, late].map((life) => policy.pauseAfter(life))).toEqual([0, 0, 0]);
  });

  it('comes later with each quick death, and then not at all', () => {
    const policy = new RestartPolicy();
    const lives = [stillborn, quick, stillborn, quick, quick];
    expect(lives).toHaveLength(quickDeathLimit);
    expect(lives.map((life) => policy.pauseAfter(life))).toEqual([500, 1_000, 2_000, 4_000, undefined]);
  });

  it('is tried again and again, at most twice a minute, while another worker works', () => {
    const policy = new RestartPolicy();
    const pauses = Array.from({ length: 12 }, () => policy.pauseAfter({ ...stillborn, othersWork: true }));
    expect(pauses.slice(4, 8)).toEqual([8_000, 16_000, 30_000, 30_000]);
    expect(pauses.at(-1)).toBe(30_000);
  });

  it('begins to count anew after a long life', () => {
    const policy = new RestartPolicy();
    for (let deaths = 1; deaths < quickDeathLimit; deaths += 1) policy.pauseAfter(quick);
    policy.pauseAfter(late);
    expect(policy.pauseAfter(quick)).toBe(500);
  });
});
