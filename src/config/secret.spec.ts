import { format, inspect } from 'node:util';
import pino from 'pino';
import { Secret } from './secret.js';

const value = 'correct horse battery staple';

describe('Secret (security.md D15)', () => {
  const secret = new Secret(value);

  it('gives its value to who asks for it', () => {
    expect(secret.reveal()).toBe(value);
  });

  it.each<[name: string, print: () => string]>([
    ['String()', () => String(secret)],
    ['a template', () => `a ${secret as unknown as string}`],
    ['concatenation', () => ''.concat(secret as unknown as string)],
    ['JSON.stringify', () => JSON.stringify({ nested: [secret] })],
    ['util.inspect', () => inspect(secret)],
    [
      'util.inspect, everything shown',
      () => inspect({ nested: [secret] }, { depth: null, showHidden: true, getters: true }),
    ],
    ['util.format', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['the message of an error', () => new Error(`cannot use ${secret as unknown as string}`).message],
    ['an error printed with its cause', () => inspect(new Error('outer', { cause: { secret } }), { depth: null })],
  ])('prints a fixed word by %s', (_, print) => {
    expect(print()).toContain('[secret]');
    expect(print()).not.toContain(value);
  });

  it('prints a fixed word in a log line', () => {
    let line = '';
    pino({ level: 'debug' }, { write: (text: string) => void (line += text) }).info(
      { secret, nested: { secret } },
      'x',
    );
    expect(line).toContain('"secret":"[secret]"');
    expect(line).not.toContain(value);
  });

  it('prints the same word for bytes', () => {
    const bytes = new Secret(Buffer.from(value));
    expect(inspect({ bytes }, { showHidden: true })).toBe('{ bytes: [secret] }');
    expect(JSON.stringify(bytes)).toBe('"[secret]"');
  });

  it('has no property that holds the value, and a copy of it is empty', () => {
    expect(Reflect.ownKeys(secret)).toEqual([]);
    expect(structuredClone(secret)).toEqual({});
    expect(Object.assign({}, secret)).toEqual({});
  });
});
