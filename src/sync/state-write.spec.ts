import { readPreconditions } from '../protocol/index.js';
import { decide, type StateWrite, type StoredResource } from './state-write.js';

const now = new Date('2026-03-01T09:30:00.000Z');
const later = new Date('2026-03-01T09:31:00.000Z');
const key = { resourceType: 'price', resourceId: '1' };

const write = (content: StateWrite['content'], ifMatch?: string): StateWrite => ({
  ...key,
  clientId: 'shop',
  origin: { ipAddress: undefined, userAgent: undefined, requestId: undefined },
  preconditions: readPreconditions(ifMatch, undefined),
  content,
});

const stored = (members: Partial<StoredResource> = {}): StoredResource => ({
  ...key,
  version: 7,
  deleted: false,
  digest: 'aa',
  updatedAt: now,
  ...members,
});

it('times of one resource do not run backwards when the clock does', () => {
  const outcome = decide(write({ text: '{}', digest: 'bb' }), 'shop', stored({ updatedAt: later }), now);
  expect(outcome).toMatchObject({
    version: 8,
    updatedAt: later,
    created: false,
    written: { text: '{}', updatedAt: later },
  });
});

it('a tombstone is followed by a higher version, whatever the content was', () => {
  const tombstone = stored({ deleted: true, digest: null });
  expect(decide(write({ text: '{}', digest: 'aa' }), 'shop', tombstone, now)).toMatchObject({
    version: 8,
    created: true,
  });
});

it('what makes a write impossible comes before its preconditions (RFC 9110 §13.2.1)', () => {
  const statusOf = (...args: Parameters<typeof decide>) => decide(...args).refused?.status;
  expect(statusOf(write({ text: '{}', digest: 'aa' }, '"1"'), 'other', stored(), now)).toBe(403);
  expect(statusOf(write(null, '"1"'), 'shop', undefined, now)).toBe(404);
  expect(statusOf(write(null, '"1"'), undefined, undefined, now)).toBe(404);
  expect(statusOf(write(null, '"1"'), 'shop', stored({ version: 0, deleted: true }), now)).toBe(404);
  expect(statusOf(write(null, '"1"'), 'shop', stored({ deleted: true }), now)).toBe(410);
  expect(statusOf(write(null, '"1"'), 'shop', stored(), now)).toBe(412);
});
