import { FollowingClock } from './clock.js';

describe('a clock that follows another one', () => {
  const hour = 3_600_000;

  it('threat 35: goes by it, however wrong the machine is, and however the machine is set meanwhile', () => {
    const clock = new FollowingClock();
    const asked = performance.now();
    expect(clock.follow(Date.now() - hour, asked, asked)).toBeLessThan(-hour + 1_000);
    expect(Math.abs(clock.now() - (Date.now() - hour))).toBeLessThan(1_000);
    const set = jest.spyOn(Date, 'now').mockReturnValue(0);
    expect(clock.now()).toBeGreaterThan(hour);
    set.mockRestore();
  });

  it('is not set for what the way of the answer explains', () => {
    const clock = new FollowingClock();
    const asked = performance.now();
    expect(clock.follow(clock.now() + 200, asked, asked)).toBe(0);
    expect(clock.follow(clock.now() + 1_900, asked, asked + 4_000)).toBe(0);
    expect(clock.follow(clock.now() + 6_000, asked, asked + 4_000)).not.toBe(0);
  });
});
