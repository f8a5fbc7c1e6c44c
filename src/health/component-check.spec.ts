import { ComponentCheck } from './component-check.js';

describe('ComponentCheck', () => {
  it.each([
    ['up', () => Promise.resolve(true), true],
    ['down', () => Promise.resolve(false), false],
    ['down when it fails', () => Promise.reject(new Error('away')), false],
  ])('is %s', async (_, ask, expected) => {
    expect(await new ComponentCheck(ask).isUp()).toBe(expected);
  });

  it('is down when there is no answer, and asks no second time meanwhile', async () => {
    let asked = 0;
    let answer = (_up: boolean): void => undefined;
    const check = new ComponentCheck(() => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    }, 5);

    expect(await check.isUp()).toBe(false);
    expect(await check.isUp()).toBe(false);
    expect(asked).toBe(1);

    answer(true);
    await new Promise((resolve) => setImmediate(resolve));
    void check.isUp();
    expect(asked).toBe(2);
    answer(true);
  });
});
