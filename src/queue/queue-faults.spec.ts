import { formatSecret } from '../protocol/index.js';
import { describeFault } from './queue-faults.js';

describe('describeFault', () => {
  it('gives code and message', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' });
    expect(describeFault(error)).toBe('ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:6379');
  });

  it('leaves out the credentials of a URL', () => {
    expect(describeFault(new Error('bad url rediss://user:pa55@cache:6379/1'))).toBe('bad url rediss://cache:6379/1');
  });

  it('leaves out secrets', () => {
    const secret = formatSecret('signet_cs', 'abcdefgh', new Uint8Array(32).fill(7));
    expect(describeFault(new Error(`no ${secret} here`))).toBe('no [secret] here');
  });

  it('keeps one line of at most 200 characters', () => {
    expect(describeFault(new Error(`${'a'.repeat(300)}\nsecond`))).toHaveLength(200);
    expect(describeFault(new Error('first\nsecond'))).toBe('first');
  });

  it('says nothing of what is not an error', () => {
    expect(describeFault({ password: 'x' })).toBe('unknown error');
  });
});
