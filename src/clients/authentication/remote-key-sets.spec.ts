import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { httpSink, openEgress, type Sink } from '../../../test/support/egress.js';
import { Clock } from '../../clock/index.js';
import type { Egress } from '../../egress/index.js';
import { KeySetUnavailable, RemoteKeySets } from './remote-key-sets.js';

class ManualClock extends Clock {
  time = Date.parse('2030-01-01T00:00:00Z');

  now(): number {
    return this.time;
  }

  pass(seconds: number): void {
    this.time += seconds * 1_000;
  }
}

function ecKey(kid: string): JsonWebKey {
  return { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid };
}

const one = ecKey('one');
const two = ecKey('two');

let clock: ManualClock;
let egress: Egress;
let sets: RemoteKeySets;
let sink: Sink;
let uri: string;
let requests: number;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  clock = new ManualClock();
  egress = openEgress({ networks: ['127.0.0.0/8'] });
  sets = new RemoteKeySets(egress, clock);
  requests = 0;
  publish(one);
  sink = await httpSink((_, response) => {
    requests += 1;
    answer(response);
  });
  uri = `http://127.0.0.1:${sink.port}/jwks.json`;
});

afterEach(async () => {
  await egress.onApplicationShutdown();
  await sink.close();
});

/** From now on these are the keys at the URI. */
function publish(...keys: JsonWebKey[]): void {
  reply(JSON.stringify({ keys }));
}

function reply(body: string | Uint8Array, status = 200, headers: Record<string, string> = {}): void {
  answer = (response) => void response.writeHead(status, headers).end(body);
}

/** The URI is down: every connection breaks. */
function breakDown(): void {
  answer = (response) => response.destroy();
}

/** The `kid`s of the set, or why there is none. */
async function kids(wanted?: string): Promise<unknown[] | string> {
  try {
    return (await sets.keySet(uri, wanted)).keys.map(({ kid }) => kid);
  } catch (error) {
    if (error instanceof KeySetUnavailable) return error.reason;
    throw error;
  }
}

describe('a key set', () => {
  it('is fetched once for all who ask at the same time, and then kept', async () => {
    const first = await Promise.all(Array.from({ length: 50 }, () => sets.keySet(uri, 'one')));
    clock.pass(299);
    expect(new Set([...first, await sets.keySet(uri), await sets.keySet(uri, 'one')]).size).toBe(1);
    expect(first[0]).toEqual({ keys: [one] });
    expect(requests).toBe(1);
  });

  it('J-23: a key that is removed is gone after 300 seconds, a whole set as well', async () => {
    publish(one, two);
    expect(await kids('two')).toEqual(['one', 'two']);
    publish(one);
    clock.pass(299);
    expect(await kids('two')).toEqual(['one', 'two']);
    clock.pass(1);
    expect(await kids('two')).toEqual(['one']);
    publish();
    clock.pass(300);
    expect(await kids('one')).toEqual([]);
  });

  it.each([
    ['nothing', undefined, 300],
    ['max-age=60', 'max-age=60', 60],
    ['max-age=60 among others', 'public, MAX-AGE=60, must-revalidate', 60],
    ['too little', 'max-age=5', 30],
    ['nothing at all', 'max-age=0', 30],
    ['too much', 'max-age=86400', 300],
    ['no-store', 'no-store', 30],
    ['no-cache', 'max-age=200, no-cache', 30],
    ['a life for others', 's-maxage=10', 300],
    ['nonsense', 'max-age=soon', 300],
  ])('is good for a time within bounds where Cache-Control says %s', async (_, cacheControl, seconds) => {
    reply(JSON.stringify({ keys: [one] }), 200, cacheControl === undefined ? {} : { 'cache-control': cacheControl });
    await kids();
    clock.pass(seconds - 1);
    await kids();
    expect(requests).toBe(1);
    clock.pass(1);
    await kids();
    expect(requests).toBe(2);
  });

  it('is fetched anew when the clock was set back', async () => {
    await kids();
    clock.pass(-3_600);
    await kids();
    expect(requests).toBe(2);
  });
});

describe('a kid that is not in the set', () => {
  it('has it fetched at once, so that a new key works', async () => {
    await kids('one');
    publish(one, two);
    expect(await kids('two')).toEqual(['one', 'two']);
    expect(requests).toBe(2);
  });

  it('has it fetched once in 30 seconds, whoever asks and for whatever', async () => {
    await kids('one');
    await Promise.all(Array.from({ length: 100 }, (_, index) => kids(`unknown-${index}`)));
    expect(requests).toBe(2);
    clock.pass(29);
    expect(await kids('unknown')).toEqual(['one']);
    expect(requests).toBe(2);
    clock.pass(1);
    await kids('unknown');
    expect(requests).toBe(3);
  });

  it('does not have it fetched a second time when it was not there before', async () => {
    expect(await kids('unknown')).toEqual(['one']);
    expect(requests).toBe(1);
  });

  it('does not keep those waiting who look for another', async () => {
    await kids('one');
    const held: ServerResponse[] = [];
    answer = (response) => held.push(response);
    const waiting = kids('two');
    while (held.length === 0) await new Promise(setImmediate);
    expect(await kids('one')).toEqual(['one']);
    held[0]?.end(JSON.stringify({ keys: [two] }));
    expect(await waiting).toEqual(['two']);
  });

  it('leaves the set as it was when the URI is down', async () => {
    await kids('one');
    breakDown();
    expect(await kids('two')).toEqual(['one']);
    expect(await kids('one')).toEqual(['one']);
  });
});

describe('a URI that is down', () => {
  it('J-23: leaves the keys good for 15 minutes, then there are none, until it is up again', async () => {
    await kids();
    breakDown();
    clock.pass(300);
    expect(await kids()).toEqual(['one']);
    clock.pass(599);
    expect(await kids()).toEqual(['one']);
    clock.pass(1);
    expect(await kids()).toBe('refused');
    publish(two);
    clock.pass(10);
    expect(await kids()).toEqual(['two']);
  });

  it('is not asked again for 10 seconds', async () => {
    breakDown();
    expect(await kids()).toBe('refused');
    const after = requests;
    clock.pass(9);
    expect(await Promise.all(Array.from({ length: 20 }, (_, index) => kids(`kid-${index}`)))).toEqual(
      Array.from({ length: 20 }, () => 'refused'),
    );
    expect(requests).toBe(after);
    publish(one);
    clock.pass(1);
    expect(await kids()).toEqual(['one']);
  });

  it('J-15: is not asked at all where no request may go', async () => {
    sets = new RemoteKeySets(openEgress({}), clock);
    expect(await kids()).toBe('target_not_allowed');
    expect(requests).toBe(0);
  });
});

describe('a URI that hangs', () => {
  let held: ServerResponse[];

  beforeEach(() => {
    held = [];
  });

  afterEach(() => {
    for (const response of held) response.destroy();
  });

  function hang(): void {
    answer = (response) => held.push(response);
  }

  /** The URI answers after all. */
  async function release(...keys: JsonWebKey[]): Promise<void> {
    const before = String(await kids());
    publish(...keys);
    for (const response of held) response.end(JSON.stringify({ keys }));
    while (String(await kids()) === before) await new Promise(setImmediate);
  }

  it('J-23: leaves the keys good for 15 minutes, and keeps nobody waiting for its end', async () => {
    await kids();
    hang();
    clock.pass(300);
    expect(await kids('one')).toEqual(['one']);
    expect(await Promise.all([kids(), kids('one'), kids()])).toEqual([['one'], ['one'], ['one']]);
    expect(held).toHaveLength(1);
    clock.pass(600);
    expect(await kids('one')).toBe('timeout');
    expect(held).toHaveLength(1);
  });

  it('J-23: loses the keys that are gone as soon as it answers', async () => {
    await kids();
    hang();
    clock.pass(300);
    expect(await kids('one')).toEqual(['one']);
    await release(two);
    expect(await kids()).toEqual(['two']);
    expect(requests).toBe(2);
  });

  it('is waited for only so long without keys, and what it says then is known', async () => {
    hang();
    expect(await Promise.all([kids('one'), kids()])).toEqual(['timeout', 'timeout']);
    expect(held).toHaveLength(1);
    await release(one);
    expect(await kids('one')).toEqual(['one']);
    expect(requests).toBe(1);
  });
});

describe('what is no key set', () => {
  it.each<[string, () => void]>([
    ['not JSON', () => reply('<html></html>')],
    ['empty', () => reply('')],
    ['null', () => reply('null')],
    ['a list', () => reply(JSON.stringify([one]))],
    ['without keys', () => reply('{}')],
    ['with keys that are no list', () => reply(JSON.stringify({ keys: one }))],
    ['with a key that is no object', () => reply(JSON.stringify({ keys: [one, 'two'] }))],
    ['with 21 keys', () => publish(...Array.from({ length: 21 }, () => one))],
    ['with a member twice', () => reply('{"keys":[],"keys":[]}')],
    ['with a byte order mark', () => reply('\uFEFF{"keys":[]}')],
    ['compressed', () => reply(gzipSync(JSON.stringify({ keys: [one] })), 200, { 'content-encoding': 'gzip' })],
    ['not found', () => reply(JSON.stringify({ keys: [one] }), 404)],
    ['elsewhere', () => reply('', 302, { location: `${uri}?moved` })],
  ])('is a failure: %s', async (_, publishFault) => {
    await kids();
    publishFault();
    clock.pass(300);
    expect(await kids()).toEqual(['one']);
    clock.pass(600);
    expect(await kids()).toBe('invalid_key_set');
  });

  it('is a failure: larger than 64 KiB', async () => {
    reply(JSON.stringify({ keys: [one], padding: 'x'.repeat(65_536) }));
    expect(await kids()).toBe('too_large');
  });
});

describe('a key that is of no use', () => {
  it('is left out, whatever the others are', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    publish(
      { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa' },
      { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'private' },
      { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' },
      { kty: 'oct', k: 'c2VjcmV0', kid: 'symmetric' },
      { kty: 'EC', crv: 'P-256', x: one.x ?? '', y: two.y ?? '', kid: 'off the curve' },
      { kty: 'NEW', kid: 'unknown type' },
      { kid: 'no type' },
      two,
    );
    expect(await kids()).toEqual(['rsa', 'two']);
  });
});

it('keeps no more than 1,000 sets: the one that was used longest ago leaves', async () => {
  for (let index = 0; index < 1_000; index += 1) await sets.keySet(`${uri}?${index}`);
  await sets.keySet(`${uri}?0`);
  await sets.keySet(`${uri}?1000`);
  expect(requests).toBe(1_001);
  await sets.keySet(`${uri}?0`);
  expect(requests).toBe(1_001);
  await sets.keySet(`${uri}?1`);
  expect(requests).toBe(1_002);
});
