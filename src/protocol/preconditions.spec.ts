import { parseEntityTags, preconditionsHold, readPreconditions } from './preconditions.js';
import { Problem } from './problem.js';

const strong = (tag: string) => ({ weak: false, tag });
const weak = (tag: string) => ({ weak: true, tag });

describe('a list of entity tags (RFC 9110 §8.8.3, §13.1.1)', () => {
  it.each([
    ['*', '*'],
    [' * ', '*'],
    ['"7"', [strong('"7"')]],
    ['W/"7"', [weak('"7"')]],
    ['"a", W/"b","c"', [strong('"a"'), weak('"b"'), strong('"c"')]],
    ['\t"a" ,, ,"b",', [strong('"a"'), strong('"b"')]],
    ['"a,b"', [strong('"a,b"')]],
    ['"*"', [strong('"*"')]],
    ['""', [strong('""')]],
    ['"\xe9"', [strong('"\xe9"')]],
    ['', []],
    [' , ', []],
  ])('%p', (field, tags) => {
    expect(parseEntityTags(field)).toEqual(tags);
  });

  it.each(['7', '"7', '7"', '"a" "b"', '"a"b', '*, "a"', '"a", *', 'w/"a"', 'W/ "a"', 'W/', '**', '"a b"', '"a\x7f"'])(
    '%p is none',
    (field) => {
      expect(parseEntityTags(field)).toBeUndefined();
    },
  );

  it.each([
    ' '.repeat(16_000) + 'x',
    '"'.repeat(16_000),
    ','.repeat(16_000) + '"',
    'W/'.repeat(8_000),
    '"a",'.repeat(4_000),
  ])('L-07: is read in one pass', (field) => {
    for (let round = 0; round < 20; round += 1) parseEntityTags(field);
  });
});

describe('preconditions of a change (RFC 9110 §13.2.2)', () => {
  it.each<[string | undefined, string | undefined, string | undefined, boolean]>([
    [undefined, undefined, '"7"', true],
    [undefined, undefined, undefined, true],
    ['"7"', undefined, '"7"', true],
    ['"6", "7"', undefined, '"7"', true],
    ['W/"7"', undefined, '"7"', false],
    ['W/"7", "7"', undefined, '"7"', true],
    ['"6"', undefined, '"7"', false],
    ['', undefined, '"7"', false],
    ['*', undefined, '"7"', true],
    ['*', undefined, undefined, false],
    ['"7"', undefined, undefined, false],
    [undefined, '*', undefined, true],
    [undefined, '*', '"7"', false],
    [undefined, '"7"', '"7"', false],
    [undefined, 'W/"7"', '"7"', false],
    [undefined, '"6"', '"7"', true],
    [undefined, '', '"7"', true],
    ['"7"', '"6"', '"7"', true],
    ['"7"', '"7"', '"7"', false],
    ['"6"', '"6"', '"7"', false],
  ])('If-Match %p, If-None-Match %p on %p: %p', (ifMatch, ifNoneMatch, current, holds) => {
    expect(preconditionsHold(readPreconditions(ifMatch, ifNoneMatch), current)).toBe(holds);
  });

  it('that cannot be read are refused by name', () => {
    const read = () => readPreconditions('7', '"a');
    expect(read).toThrow(Problem);
    try {
      read();
    } catch (error) {
      expect((error as Problem).errors?.map(({ detail }) => detail)).toEqual([
        'If-Match must be * or a list of entity tags',
        'If-None-Match must be * or a list of entity tags',
      ]);
    }
  });
});
