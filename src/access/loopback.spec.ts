import type { IncomingHttpHeaders } from 'node:http';
import { asksOnThisMachine } from './loopback.js';

function asks(remoteAddress: string | undefined, headers: IncomingHttpHeaders = { host: '127.0.0.1:3000' }): boolean {
  return asksOnThisMachine({ socket: { remoteAddress }, headers });
}

it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('the peer %s is on this machine', (peer) => {
  expect(asks(peer)).toBe(true);
});

it.each([
  undefined,
  '',
  '10.0.0.1',
  '128.0.0.1',
  '172.17.0.1',
  '::',
  '::2',
  '::ffff:10.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  'fe80::1',
  '127.0.0.1, 10.0.0.1',
])('the peer %p is not', (peer) => {
  expect(asks(peer)).toBe(false);
});

it.each(['127.0.0.1', '127.0.0.1:3000', '127.0.0.2', 'localhost', 'LOCALHOST:80', '[::1]', '[::1]:3000'])(
  'it may ask for %s',
  (host) => {
    expect(asks('127.0.0.1', { host })).toBe(true);
  },
);

it.each([
  'auth.example.com',
  'localhost.example.com',
  '127.0.0.1.example.com',
  '127.1',
  '2130706433',
  '0.0.0.0',
  '::1',
  '[127.0.0.1]x',
  'localhost, evil',
  'localhost:80:80',
  '10.0.0.1:3000',
  '[::2]:3000',
  '',
])('but not for %p: a proxy that tells nothing, or a page in a browser (DNS rebinding)', (host) => {
  expect(asks('127.0.0.1', { host })).toBe(false);
});

it('without a Host field nobody is local', () => {
  expect(asks('127.0.0.1', {})).toBe(false);
});

it.each([
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-for', ''],
  ['x-forwarded-proto', 'https'],
  ['x-forwarded-host', 'localhost'],
  ['x-forwarded-anything', 'x'],
  ['forwarded', 'for=127.0.0.1'],
  ['via', '1.1 proxy'],
  ['x-real-ip', '127.0.0.1'],
  ['true-client-ip', '127.0.0.1'],
  ['cf-connecting-ip', '127.0.0.1'],
  ['client-cert', ':AAAA:'],
])('M-01: with %s: %p it came through a proxy, whoever is named', (name, value) => {
  expect(asks('127.0.0.1', { host: 'localhost', [name]: value })).toBe(false);
});
