import { decideRefresh, type RefreshDecision, type RefreshStanding } from './refresh-decision.js';

const now = 1_800_000_000_000;
const live = { expiresAt: now + 1, usedAt: undefined };

interface Case {
  readonly family?: Partial<RefreshStanding['family']>;
  readonly token?: Partial<RefreshStanding['token']>;
  readonly successor?: Partial<NonNullable<RefreshStanding['successor']>>;
  readonly grace?: number;
}

function decide({ family, token, successor, grace = 0 }: Case): RefreshDecision {
  const standing: RefreshStanding = {
    family: { expiresAt: now + 1, isCut: false, isRevoked: false, ...family },
    token: { ...live, ...token },
    successor: successor === undefined ? undefined : { ...live, ...successor },
    now,
  };
  return decideRefresh(standing, grace);
}

const used = { usedAt: now - 5_000 };
const revoked = { isRevoked: true };
const expired = { expiresAt: now };

describe('decideRefresh', () => {
  it.each<[string, Case]>([
    ['a fresh token', {}],
    ['a fresh token of a client with a grace', { grace: 60 }],
  ])('rotates %s', (_, standing) => {
    expect(decide(standing)).toEqual({ verdict: 'rotate' });
  });

  it.each<[string, Case]>([
    ['at once', { token: { usedAt: now }, successor: {}, grace: 1 }],
    ['in the last millisecond', { token: { usedAt: now - 9_999 }, successor: {}, grace: 10 }],
    ['by a clock that went back', { token: { usedAt: now + 3_000 }, successor: {}, grace: 1 }],
    ['once it has expired itself', { token: { ...used, ...expired }, successor: {}, grace: 10 }],
  ])('repeats a token that was used a moment ago, %s', (_, standing) => {
    expect(decide(standing)).toEqual({ verdict: 'repeat' });
  });

  it.each<[string, Case]>([
    ['without a grace', { token: used, successor: {} }],
    ['without a grace, by a clock that went back', { token: { usedAt: now + 3_000 }, successor: {} }],
    ['at the end of the grace', { token: { usedAt: now - 10_000 }, successor: {}, grace: 10 }],
    ['in the grace, once its successor was used', { token: used, successor: { usedAt: now - 1 }, grace: 60 }],
    ['that has expired since', { token: { ...used, ...expired }, successor: {} }],
    ['whose successor has expired', { token: used, successor: expired }],
    ['without a successor', { token: used, grace: 60 }],
  ])('R-03: ends the family of a token that was used, %s', (_, standing) => {
    expect(decide(standing)).toEqual({ verdict: 'reuse', fault: 'refresh_token_reused' });
  });

  it.each<[string, Case, string]>([
    ['of a revoked family', { family: revoked }, 'refresh_family_revoked'],
    [
      'of a revoked family, in the grace',
      { family: revoked, token: used, successor: {}, grace: 60 },
      'refresh_family_revoked',
    ],
    ['of a revoked family, that was used', { family: revoked, token: used, successor: {} }, 'refresh_token_reused'],
    ['that was cut with all of its client', { family: { isCut: true } }, 'refresh_family_cut'],
    ['that was cut, and used before', { family: { isCut: true }, token: used, successor: {} }, 'refresh_family_cut'],
    ['R-09: at the end of its idle time', { token: expired }, 'refresh_token_expired'],
    ['R-09: at the end of the absolute time', { family: expired }, 'refresh_token_expired'],
    ['R-09: after it, used', { family: expired, token: used, successor: {} }, 'refresh_token_expired'],
    [
      'R-09: after it, in the grace',
      { family: expired, token: used, successor: {}, grace: 60 },
      'refresh_token_expired',
    ],
    [
      'whose successor has expired, in the grace',
      { token: used, successor: expired, grace: 60 },
      'refresh_token_expired',
    ],
  ])('refuses a token %s, and nothing changes', (_, standing, fault) => {
    expect(decide(standing)).toEqual({ verdict: 'refuse', fault });
  });
});
