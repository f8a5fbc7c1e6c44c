import { type Cidr, parseCidr } from '../protocol/index.js';
import { cameOverTls } from './wire-request.js';

const proxies = [parseCidr('10.0.0.0/8')].filter((cidr): cidr is Cidr => cidr !== null);

function told(hops: string | undefined, peerAddress: string): boolean {
  return cameOverTls({ headers: hops === undefined ? {} : { 'x-forwarded-proto': hops }, peerAddress }, proxies);
}

describe('X-Forwarded-Proto', () => {
  it.each([undefined, 'https', 'HTTPS', 'https, Https', ' https '])('%j of a trusted proxy is TLS', (hops) => {
    expect(told(hops, '10.0.0.7')).toBe(true);
    expect(told(hops, '::ffff:10.0.0.7')).toBe(true);
  });

  it.each(['http', 'HTTP', 'http, https', 'https,http', 'https, ', '', 'x'])(
    'A-17: %j of a trusted proxy is none',
    (hops) => {
      expect(told(hops, '10.0.0.7')).toBe(false);
      expect(told(hops, '::ffff:10.0.0.7')).toBe(false);
    },
  );

  it.each(['http', 'https', 'https, http', '', 'x'])('%j means nothing from anybody else', (hops) => {
    for (const stranger of ['127.0.0.1', '192.0.2.1', '::1', '']) expect(told(hops, stranger)).toBe(true);
  });
});
