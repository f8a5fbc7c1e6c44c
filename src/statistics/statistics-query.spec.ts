import { Problem } from '../protocol/index.js';
import { bucketsOf, readStatisticsQuery } from './statistics-query.js';

const now = Date.parse('2026-03-10T12:34:56.789Z');

function read(query: Record<string, unknown>) {
  const { from, to, bucket } = readStatisticsQuery(query, now);
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), bucket };
}

function pointersOf(query: Record<string, unknown>): string[] {
  try {
    readStatisticsQuery(query, now);
  } catch (error) {
    if (error instanceof Problem) return (error.errors ?? []).map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('the range of statistics', () => {
  it.each([
    ['nothing', {}, '2026-03-09T12:00:00.000Z', '2026-03-10T13:00:00.000Z', 'hour'],
    ['days', { bucket: 'day' }, '2026-03-09T12:00:00.000Z', '2026-03-10T13:00:00.000Z', 'day'],
    ['from', { from: '2026-03-10T11:59:59Z' }, '2026-03-10T11:00:00.000Z', '2026-03-10T13:00:00.000Z', 'hour'],
    ['to', { to: '2026-01-02T00:00:00Z' }, '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', 'hour'],
    [
      'another offset',
      { from: '2026-03-01T00:30:00+05:30', to: '2026-03-01T00:30:00Z' },
      '2026-02-28T19:00:00.000Z',
      '2026-03-01T01:00:00.000Z',
      'hour',
    ],
    [
      'no time at all',
      { from: '2026-03-01T00:00:00Z', to: '2026-03-01T00:00:00Z' },
      '2026-03-01T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
      'hour',
    ],
    [
      'more than fits into hours',
      { from: '2020-01-01T00:00:00Z', to: '2026-03-10T00:00:00Z' },
      '2020-01-01T00:00:00.000Z',
      '2026-03-10T00:00:00.000Z',
      'day',
    ],
    [
      'the longest in days',
      { from: '2025-02-03T00:00:00Z', to: '2026-03-10T00:00:00Z', bucket: 'day' },
      '2025-02-03T00:00:00.000Z',
      '2026-03-10T00:00:00.000Z',
      'day',
    ],
  ])('%s', (_, query, from, to, bucket) => {
    expect(read(query)).toEqual({ from, to, bucket });
  });

  it.each([
    ['from after to', { from: '2026-03-10T00:00:00Z', to: '2026-03-09T00:00:00Z' }, ['/from']],
    ['from after now', { from: '2026-03-11T00:00:00Z' }, ['/from']],
    ['year 9999', { from: '2026-03-09T00:00:00Z', to: '9999-12-31T23:59:59Z' }, ['/to']],
    ['year 9999 in both', { from: '9999-12-30T00:00:00Z', to: '9999-12-31T00:00:00Z' }, ['/to', '/from']],
    ['year 0', { from: '0000-01-01T00:00:00Z' }, ['/from']],
    ['too many hours', { from: '2026-01-01T00:00:00Z', bucket: 'hour' }, ['/from']],
    ['too many days', { from: '2010-01-01T00:00:00Z', bucket: 'day' }, ['/from']],
    ['too many days, in whatever', { from: '2010-01-01T00:00:00Z' }, ['/from']],
    ['a date', { from: '2026-03-09' }, ['/from']],
    ['nothing in it', { from: '', to: '' }, ['/to', '/from']],
    ['seconds', { to: '1767225600' }, ['/to']],
    ['another bucket', { bucket: 'minute' }, ['/bucket']],
    ['SQL', { bucket: `hour'; DROP TABLE clients; --`, from: `'`, to: ')' }, ['/bucket', '/to', '/from']],
    ['a repeated one', { from: ['2026-03-09T00:00:00Z', '2026-03-09T00:00:00Z'] }, ['/from']],
  ])('M-15: refuses %s', (_, query, pointers) => {
    expect(pointersOf(query)).toEqual(pointers);
  });

  it('is cut into buckets of UTC, the first one whole', () => {
    const of = (from: string, to: string, bucket: 'hour' | 'day') =>
      bucketsOf(readStatisticsQuery({ from, to, bucket }, now)).map((at) => new Date(at).toISOString().slice(0, 16));
    expect(of('2026-03-09T22:10:00Z', '2026-03-10T00:10:00Z', 'hour')).toEqual([
      '2026-03-09T22:00',
      '2026-03-09T23:00',
      '2026-03-10T00:00',
    ]);
    expect(of('2026-03-09T22:10:00Z', '2026-03-10T00:10:00Z', 'day')).toEqual(['2026-03-09T00:00', '2026-03-10T00:00']);
    expect(of('2026-03-10T00:00:00Z', '2026-03-10T00:00:00Z', 'day')).toEqual([]);
  });
});
