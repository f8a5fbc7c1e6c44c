import { JsonFault, parseStrictJson } from './strict-json.js';

const parse = (text: string): unknown => parseStrictJson(new TextEncoder().encode(text));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

function fault(text: string | Uint8Array): [pointer: string, detail: string] {
  try {
    parseStrictJson(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return [error.pointer, error.detail];
  }
  throw new Error('accepted');
}

describe('RFC 8259 JSON, strictly', () => {
  it.each([
    '{}',
    '[]',
    '""',
    '0',
    '-0.5e+10',
    '1E5',
    'true',
    'false',
    'null',
    ' \t\r\n{ "a" : [ 1 , { "b" : null } ] } \n',
    '{"a":"x\\n\\u00e9\\ud83d\\ude00\\"\\\\\\/"}',
    '{"é":"😀"}',
    '{"":{"":1}}',
    '{"__PROTO__":1,"constructors":2,"x":"__proto__"}',
    '[{"a":1},{"a":1}]',
    nested(32),
    `[${'1,'.repeat(9_998)}1]`,
    '1e-400',
  ])('reads %.40s as the platform does', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it.each([
    '',
    ' ',
    '{',
    '}',
    '[',
    ']',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '[1 2]',
    '{"a":1 "b":2}',
    '{a:1}',
    "{'a':1}",
    '{"a":1}x',
    '{} {}',
    'nul',
    'nulll',
    'True',
    'NaN',
    'Infinity',
    '-',
    '+1',
    '01',
    '.5',
    '1.',
    '1e',
    '0x1',
    '"a',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\',
    '"\t"',
    '"\n"',
    '"a\u0000"',
    '// c\n1',
    '/* c */1',
    '1,',
    '[1}',
    '{"a":[}',
    '\u00a01',
    '\u20281',
  ])('refuses %j', (text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(fault(text)[1]).toBe('the body is not valid JSON');
  });

  it.each([
    ['{"a":1,"a":1}', '/a'],
    ['{"a":1,"\\u0061":2}', '/a'],
    ['{"x":[0,{"b":1,"c":2,"b":3}]}', '/x/1/b'],
    ['{"a/b~c":1,"a/b~c":2}', '/a~1b~0c'],
    ['{"":1,"":2}', '/'],
  ])('D9: refuses a member given twice in %s', (text, pointer) => {
    expect(fault(text)).toEqual([pointer, 'the member is given twice']);
  });

  it.each([
    ['{"__proto__":{"a":1}}', '/__proto__'],
    ['{"\\u005f_proto__":1}', '/__proto__'],
    ['{"\\u005F\\u005fproto\\u005f_":1}', '/__proto__'],
    ['{"a":{"constructor":1}}', '/a/constructor'],
    ['[{"prototype":1}]', '/0/prototype'],
  ])('D9, T-07: refuses the name in %s', (text, pointer) => {
    expect(fault(text)).toEqual([pointer, 'a member must not have this name']);
  });

  it.each([
    ['1e400', ''],
    ['{"a":[-1e999]}', '/a/0'],
    [`{"a":${'9'.repeat(400)}}`, '/a'],
  ])('J-09: refuses a number out of range in %.30s', (text, pointer) => {
    expect(fault(text)).toEqual([pointer, 'the number is out of range']);
  });

  it.each([
    ['{"a":"\\u0000"}', '/a', 'a string must not hold NUL'],
    ['{"a":"\\ud800"}', '/a', 'a string must not hold half of a surrogate pair'],
    ['["\\udc00\\ud800"]', '/0', 'a string must not hold half of a surrogate pair'],
  ])('RFC 7493 §2.1: refuses %s', (text, pointer, detail) => {
    expect(fault(text)).toEqual([pointer, detail]);
  });

  it('D9: refuses 33 levels, however many there are', () => {
    expect(fault(nested(33))[1]).toBe('the body must not be nested deeper than 32 levels');
    expect(fault('['.repeat(500_000))[1]).toBe('the body must not be nested deeper than 32 levels');
    expect(fault('{"a":'.repeat(33))[0]).toBe('/a'.repeat(32));
  });

  it('D9: refuses more than 10,000 values', () => {
    expect(fault(`[${'1,'.repeat(9_999)}1]`)[1]).toBe('the body must not have more than 10000 values');
    expect(fault('[]'.repeat(10).replaceAll('][', '],['))[1]).toBe('the body is not valid JSON');
  });

  it.each([
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d], 'the body must not begin with a byte order mark'],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00], 'the body is not valid UTF-8'],
    ['an overlong form', [0x22, 0xc0, 0x80, 0x22], 'the body is not valid UTF-8'],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], 'the body is not valid UTF-8'],
    ['a cut character', [0x22, 0xc3, 0x22], 'the body is not valid UTF-8'],
  ])('J-19: refuses %s', (_, bytes, detail) => {
    expect(fault(Uint8Array.from(bytes))).toEqual(['', detail]);
  });

  it('caps the pointer', () => {
    expect(fault(`{"${'a'.repeat(10_000)}":x}`)[0]).toHaveLength(256);
  });

  it('L-07: reads 1 MiB of blanks, digits, quotes or backslashes in one pass', () => {
    const size = 1_048_576;
    expect(parse(`${' '.repeat(size)}1`)).toBe(1);
    expect(parse(`"${'\\\\'.repeat(size / 2)}"`)).toHaveLength(size / 2);
    expect(fault('9'.repeat(size))[1]).toBe('the number is out of range');
    expect(fault('"'.repeat(size))[1]).toBe('the body is not valid JSON');
  });

  it('answers plain objects', () => {
    expect(Object.getPrototypeOf(parse('{"a":1}'))).toBe(Object.prototype);
  });
});
