import { hkdfSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { DerivedKeys } from './index.js';

describe('derived keys', () => {
  const rootKey = randomBytes(32);

  it('are HKDF-SHA-256 of the root key with the purpose as info (RFC 5869)', () => {
    const expected = Buffer.from(hkdfSync('sha256', rootKey, Buffer.alloc(0), 'client-secret-v1', 32));
    expect(new DerivedKeys(rootKey).derive('client-secret-v1')).toEqual(expected);
  });

  it('differ by purpose and by root key, and stay the same', () => {
    const keys = new DerivedKeys(rootKey);
    expect(keys.derive('cursor-v1')).toEqual(keys.derive('cursor-v1'));
    expect(keys.derive('cursor-v1')).not.toEqual(keys.derive('client-secret-v1'));
    expect(new DerivedKeys(randomBytes(32)).derive('cursor-v1')).not.toEqual(keys.derive('cursor-v1'));
  });

  it('do not depend on the copy of the caller', () => {
    const copy = Buffer.from(rootKey);
    const keys = new DerivedKeys(copy);
    copy.fill(0);
    expect(keys.derive('cursor-v1')).toEqual(new DerivedKeys(rootKey).derive('cursor-v1'));
  });

  it('are not printed', () => {
    const keys = new DerivedKeys(rootKey);
    const derived = keys.derive('cursor-v1');
    const printed = inspect(keys, { showHidden: true, depth: 10 }) + JSON.stringify(keys);
    expect(printed).not.toContain(derived.toString('hex').match(/../g)?.slice(0, 8).join(' '));
    expect(printed).not.toContain('Buffer');
  });
});
