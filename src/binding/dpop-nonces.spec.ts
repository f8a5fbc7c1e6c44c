import { randomBytes } from 'node:crypto';
import { Clock } from '../clock/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { DpopNonces } from './dpop-nonces.js';

class TestClock extends Clock {
  constructor(private readonly milliseconds: number) {
    super();
  }

  now(): number {
    return this.milliseconds;
  }
}

const root = randomBytes(32);
const start = 1_800_000_000_000;

/** The nonces of a process whose clock shows so many seconds after the start of a step. */
function at(seconds: number, rootKey = root): DpopNonces {
  return new DpopNonces(new DerivedKeys(Buffer.from(rootKey)), new TestClock(start + seconds * 1000));
}

describe('RFC 9449 §8 nonces', () => {
  it('are the same in every process on one database, and for a while', () => {
    const nonce = at(0).current();
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(at(99.999).current()).toBe(nonce);
    expect(at(100).current()).not.toBe(nonce);
    expect(at(0, randomBytes(32)).current()).not.toBe(nonce);
  });

  it.each<[number, number, boolean]>([
    [0, 0, true],
    [0, 100, true],
    [0, 299.999, true],
    [99.999, 299.999, true],
    [0, 300, false],
    [0, 100_000, false],
    [100, 99.999, true],
    [199.999, 0, true],
    [200, 0, false],
  ])('one of second %p is taken at second %p: %p', (sent, used, taken) => {
    expect(at(used).accepts(at(sent).current())).toBe(taken);
  });

  it('of somebody else, or in another form, are not', () => {
    const nonces = at(0);
    const nonce = nonces.current();
    expect(nonces.accepts(nonce)).toBe(true);
    expect(nonces.accepts(at(0, randomBytes(32)).current())).toBe(false);
    for (const other of ['', nonce.slice(0, -1), `${nonce}A`, nonce.toUpperCase(), ` ${nonce}`, 'é'.repeat(11)]) {
      expect(nonces.accepts(other)).toBe(false);
    }
  });
});
