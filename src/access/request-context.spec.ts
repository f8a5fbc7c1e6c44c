import { originOf } from './request-context.js';

function addressOf(ip: string): string | undefined {
  return originOf({ ip, id: 'r', headers: {} }).ipAddress;
}

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7%eth0', '192.0.2.7'],
  ['::0.0.0.5', '::5'],
  ['::1.2.3.4', '::102:304'],
  ['0:0:0:0:0:0:1.2.3.4', '::102:304'],
  ['64:ff9b::192.0.2.7', '64:ff9b::c000:207'],
  ['2001:DB8:0:0::0001', '2001:db8::1'],
  ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:5', '::ffff:5'],
])('the address %s is written %s', (ip, plain) => {
  expect(addressOf(ip)).toBe(plain);
});

it.each([
  '',
  'unknown',
  '192.000.002.007',
  '3221225991',
  '192.0.2',
  '192.0.2.7:80',
  '[::1]',
  '::ffff:',
  '::1.2.3',
  '1::2::3',
])('%j is no address', (ip) => {
  expect(addressOf(ip)).toBeUndefined();
});

it('an empty user agent is none', () => {
  const agentOf = (agent?: string) => originOf({ ip: '::1', id: 'r', headers: { 'user-agent': agent } }).userAgent;
  expect([agentOf(), agentOf(''), agentOf('curl/8')]).toEqual([undefined, undefined, 'curl/8']);
});
