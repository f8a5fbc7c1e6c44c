import type { AuditRefusal } from './audit-entry.js';
import { RefusalFlood } from './refusal-flood.js';

function refusal(actorClientId: string, ipAddress: string): AuditRefusal {
  const origin = { ipAddress, userAgent: 'curl', requestId: 'r' };
  return { action: 'token.denied', error: 'invalid_client', actorClientId, origin };
}

describe('U-11: a flood of refusals', () => {
  it('is counted by client and address', () => {
    const flood = new RefusalFlood();
    for (let count = 0; count < 100; count += 1) flood.count(refusal('a', '192.0.2.1'));
    flood.count(refusal('b', '192.0.2.1'));
    expect(flood.drain()).toMatchObject([
      { refusal: { action: 'token.denied', actorClientId: 'a' }, count: 100 },
      { refusal: { actorClientId: 'b', origin: { ipAddress: '192.0.2.1' } }, count: 1 },
    ]);
    expect(flood.drain()).toEqual([]);
  });

  it('leaves nothing out and stays bounded, whatever is made up', () => {
    const flood = new RefusalFlood();
    for (let count = 0; count < 100_000; count += 1) flood.count(refusal(`made-up-${count}`, '192.0.2.1'));
    const counted = flood.drain();
    expect(counted).toHaveLength(1_001);
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(100_000);
  });

  it('takes back what could not be written', () => {
    const flood = new RefusalFlood();
    flood.count(refusal('a', '192.0.2.1'), 7);
    for (const { refusal: alike, count } of flood.drain()) flood.count(alike, count);
    flood.count(refusal('a', '192.0.2.1'));
    expect(flood.drain()).toMatchObject([{ count: 8 }]);
  });
});
