import { type CursorSeal, openCursor, pageOf, queryParameter, readListQuery } from './list-query.js';

const seal: CursorSeal = { key: Buffer.alloc(32, 1), binding: ['things', 'red'] };
const refused = (pointer: string) =>
  expect.objectContaining({ status: 400, errors: [expect.objectContaining({ pointer })] });

describe('readListQuery', () => {
  it.each([
    [{}, 50],
    [{ limit: '1' }, 1],
    [{ limit: '200', cursor: 'x' }, 200],
  ])('%j', (query, limit) => {
    expect(readListQuery(query)).toEqual({ limit, cursor: 'cursor' in query ? query.cursor : undefined });
  });

  it.each(['', '0', '201', '-1', '+1', '01', '1.5', '1e2', ' 1', '1;drop', 'NaN', '１', ['1', '2']])(
    'refuses the limit %j',
    (limit) => {
      expect(() => readListQuery({ limit })).toThrow(refused('/limit'));
    },
  );
});

describe('queryParameter', () => {
  it('takes one value, and only what was sent', () => {
    expect([queryParameter({ q: '' }, 'q'), queryParameter({}, 'toString')]).toEqual(['', undefined]);
    expect(() => queryParameter({ q: ['a', 'a'] }, 'q')).toThrow(refused('/q'));
    expect(() => queryParameter({ q: 'a\0' }, 'q')).toThrow(refused('/q'));
  });
});

describe('pages', () => {
  const items = [
    { at: '2', id: 'b' },
    { at: '2', id: 'a' },
    { at: '1', id: 'c' },
  ];
  const page = (limit: number) =>
    pageOf(
      items.slice(0, limit + 1),
      limit,
      seal,
      (item) => item,
      ({ id }) => id,
    );

  it('go on where there is more, from the last item shown', () => {
    const { items: shown, next_cursor } = page(2);
    expect(shown).toEqual(['b', 'a']);
    expect(openCursor(seal, next_cursor ?? undefined)).toEqual({ at: '2', id: 'a' });
  });

  it('end where there is nothing more', () => {
    expect(page(3)).toEqual({ items: ['b', 'a', 'c'], next_cursor: null });
    expect(
      pageOf(
        [],
        1,
        seal,
        () => ({ at: '', id: '' }),
        () => '',
      ),
    ).toEqual({ items: [], next_cursor: null });
  });

  it('are opened only with their own list and filter', () => {
    const { next_cursor } = page(1);
    expect(openCursor(seal, undefined)).toBeUndefined();
    expect(() => openCursor({ ...seal, binding: ['things', 'blue'] }, next_cursor ?? '')).toThrow(refused('/cursor'));
    expect(() => openCursor(seal, '')).toThrow(refused('/cursor'));
  });
});
