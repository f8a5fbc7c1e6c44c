import { judgeSigningKeys } from './key-findings.js';
import { judgeClock } from './postgres-findings.js';
import { judgeRedis } from './redis-finding.js';

const day = 86_400_000;
const now = Date.parse('2026-06-01T00:00:00Z');

describe('the clock', () => {
  it.each([
    [0, 'ok'],
    [-1_999, 'ok'],
    [2_000, 'warn'],
    [-9_999, 'warn'],
    [10_000, 'fail'],
    [-3_600_000, 'fail'],
  ])('that is %d ms ahead', (offset, status) => {
    expect(judgeClock(offset).status).toBe(status);
  });

  it('is said to be ahead or behind', () => {
    expect(judgeClock(2_500).message).toBe("2.5 s ahead of the database's");
    expect(judgeClock(-2_500).message).toBe("2.5 s behind the database's");
  });
});

describe('Redis', () => {
  it.each([
    ['redis_version:7.2.4\r\nmaxmemory_policy:noeviction\r\n', 'ok'],
    ['redis_version:6.2.0\r\nmaxmemory_policy:noeviction\r\n', 'ok'],
    ['redis_version:6.0.16\r\nmaxmemory_policy:noeviction\r\n', 'fail'],
    ['redis_version:7.2.4\r\nmaxmemory_policy:allkeys-lru\r\n', 'fail'],
    ['', 'fail'],
  ])('that says %j', (answer, status) => {
    expect(judgeRedis(answer).status).toBe(status);
  });
});

describe('signing keys', () => {
  const key = (
    status: 'pending' | 'active' | 'retiring' | 'revoked',
    days: number,
    alg: 'RS256' | 'ES256' = 'RS256',
  ) => {
    const at = new Date(now - days * day);
    return { kid: status, alg, status, activatesAt: at, activatedAt: at, expiresAt: status === 'retiring' ? at : null };
  };
  const settings = { signingAlg: 'RS256', rotationDays: 90 } as const;

  it.each([
    ['one that is young', [key('active', 3)], 'ok'],
    ['a successor', [key('active', 89), key('pending', -1)], 'ok'],
    ['one that is old', [key('active', 92)], 'warn'],
    ['an overdue successor', [key('active', 3), key('pending', 1)], 'warn'],
    ['one that should be gone', [key('active', 3), key('retiring', 1)], 'warn'],
    ['one of another algorithm', [key('active', 3, 'ES256')], 'warn'],
    ['none that is active', [key('revoked', 3)], 'fail'],
  ])('with %s', (_, keys, status) => {
    expect(judgeSigningKeys(keys, settings, now).status).toBe(status);
  });

  it('may grow old where they are not rotated', () => {
    expect(judgeSigningKeys([key('active', 900)], { ...settings, rotationDays: 0 }, now).status).toBe('ok');
  });
});
