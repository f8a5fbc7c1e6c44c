import { CommandFailure } from './failure.js';
import { serverAddress } from './server-address.js';

describe('the address of the server', () => {
  it.each([
    ['https://auth.example/', 'https://auth.example'],
    ['https://example.com/signet/', 'https://example.com/signet'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://2130706433', 'http://127.0.0.1'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
  ])('may be %s', (text, expected) => {
    expect(serverAddress(text, false)).toBe(expected);
  });

  it.each(['auth.example', 'ftp://auth.example', 'https://a:b@auth.example', 'https://auth.example?x=1', 'x'])(
    'is not %s',
    (text) => {
      expect(() => serverAddress(text, true)).toThrow(CommandFailure);
    },
  );

  it.each(['http://auth.example', 'http://10.0.0.1', 'http://localhost.example', 'http://127.0.0.1.example'])(
    'is %s only when that was asked for',
    (text) => {
      expect(() => serverAddress(text, false)).toThrow(/--insecure-http/);
      expect(serverAddress(text, true)).toBe(text);
    },
  );
});
