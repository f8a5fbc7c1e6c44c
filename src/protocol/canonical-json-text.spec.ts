import { canonicalJsonText } from './canonical-json-text.js';
import { checkStrictJson } from './strict-json.js';

const canonical = (text: string) => canonicalJsonText(checkStrictJson(Buffer.from(text), { maxValues: 1_000_000 }));

describe('the same content', () => {
  it.each<[string, string]>([
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"a":{"x":[],"y":{}}}', ' {\t"a" : {"y":{ } ,\r\n"x":[ ]} } '],
    ['{"a":"/é\\n\\"\\\\"}', '{"a":"\\/\\u00e9\\u000a\\u0022\\u005C"}'],
    ['{"\\u0061":"😀"}', '{"a":"\\ud83d\\ude00"}'],
    ['{"b":1,"\\u0061":2}', '{"a":2,"b":1}'],
    ['[1,10,100,0.5,1200]', '[1.0,1e1,1E+2,5e-1,12.00e2]'],
    ['[0,0,0]', '[-0,0.000,0e99]'],
    ['[-1.5e300]', '[-15e299]'],
    ['[12345678901234567890]', '[12345678901234567890.0]'],
    ['[1e-400]', '[0.1e-399]'],
    ['[true,false,null]', '[ true , false , null ]'],
    ['[0]', `[0e-${'9'.repeat(50)}]`],
    ['[120]', '[12e1]'],
    ['[-123456789012345]', '[-1.23456789012345e14]'],
    ['[100000000000000]', '[1e+14]'],
    ['[1000000000000000]', '[1e15]'],
    ['[1234567890123456]', '[1234567890123456.000]'],
    ['[0.00120]', '[1.2e-3]'],
    [`[1e-${'9'.repeat(200)}]`, `[ 1e-${'9'.repeat(200)} ]`],
  ])('%s and %s', (one, other) => {
    expect(canonical(one)).toBe(canonical(other));
  });
});

describe('other content', () => {
  it.each<[string, string]>([
    ['[12345678901234567890]', '[12345678901234567891]'],
    ['[9007199254740992]', '[9007199254740993]'],
    ['[0.1]', '[0.10000000000000001]'],
    ['[1e-400]', '[0]'],
    [`[1e-${'9'.repeat(50)}]`, `[1e-${'9'.repeat(49)}8]`],
    [`[1e-${'9'.repeat(200)}]`, `[1e-${'9'.repeat(199)}8]`],
    [`[1.0e-${'9'.repeat(200)}]`, `[10e-${'9'.repeat(200)}]`],
    ['[123456789012345]', '[1234567890123450]'],
    ['[1]', '["1"]'],
    ['[1]', '[-1]'],
    ['[12]', '[1,2]'],
    ['[1,2]', '[2,1]'],
    ['{"a":null}', '{}'],
    ['{"a":{"b":1}}', '{"a":{},"b":1}'],
    ['{"a":"b\\",\\"c"}', '{"a":"b","c":""}'],
    ['{"é":1}', '{"e\u0301":1}'],
    ['[[]]', '[{}]'],
    ['["a "]', '["a"]'],
  ])('%s and %s', (one, other) => {
    expect(canonical(one)).not.toBe(canonical(other));
  });
});

it('is JSON that means the same', () => {
  const text = '{"z":[{"b":"\\u001f\\"","a":[1.50,-3,{"":""}]}],"A":true,"a":[[],null]}';
  expect(JSON.parse(canonical(text))).toEqual(JSON.parse(text));
  expect(canonical(canonical(text))).toBe(canonical(text));
});

it.each([
  ['numbers', `[${'0.10,'.repeat(50_000)}1]`],
  ['one long number', `[0.${'0'.repeat(250_000)}1${'0'.repeat(5)}]`],
  ['zeros with a digit behind', `[1${'0'.repeat(300)}.${'0'.repeat(250_000)}1]`],
  ['quotes', `["${'\\"'.repeat(125_000)}"]`],
  ['members', `{${Array.from({ length: 20_000 }, (_, index) => `"${(index * 7919) % 20_000}":{}`).join(',')}}`],
  ['blanks', `[${' '.repeat(250_000)}1]`],
])('L-07: is quick with 256 KiB of %s', (_, text) => {
  expect(canonical(text)).toMatch(/^[[{]/);
});

it.each(['', '{', '[1', '{"a":', '{"a"', '"', '{,}', '[}', '{]', ',', '[1 2}'])('comes to an end on %p', (text) => {
  expect(() => canonicalJsonText(text)).not.toThrow();
});
