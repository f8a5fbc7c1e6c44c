import { recordOf, tableOf } from './table.js';

describe('a table', () => {
  it('is as wide as what stands in it', () => {
    const columns = [
      { heading: 'ID', of: (row: { id: string }) => row.id },
      { heading: 'USED', of: () => null },
      { heading: 'AT', of: () => '2026-01-02T03:04:05.678Z' },
    ];
    expect(tableOf(columns, [{ id: 'a' }, { id: 'billing' }])).toEqual([
      'ID       USED  AT',
      'a        -     2026-01-02T03:04:05Z',
      'billing  -     2026-01-02T03:04:05Z',
    ]);
  });

  it('cannot be broken by what stands in it', () => {
    expect(tableOf([{ heading: 'N', of: (row: string) => row }], ['a\n\u001b[2Jb'])).toEqual([
      'N',
      String.raw`a\u000a\u001b[2Jb`,
    ]);
  });
});

describe('a record', () => {
  it('shows what is set', () => {
    const members = {
      client_id: 'a',
      description: null,
      audience: [],
      metadata: {},
      grant_types: ['x', 'y'],
      on: false,
    };
    expect(recordOf(members)).toEqual(['client_id    a', 'grant_types  x, y', 'on           no']);
  });
});
