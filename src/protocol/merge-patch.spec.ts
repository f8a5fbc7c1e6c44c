import { applyMergePatch, type MergePatch } from './merge-patch.js';

interface Thing {
  name: string;
  tags: readonly string[];
  limit: number | null;
  metadata: Readonly<Record<string, unknown>>;
}

const defaults: Thing = { name: '', tags: ['default'], limit: null, metadata: {} };
const current: Thing = { name: 'a', tags: ['x', 'y'], limit: 5, metadata: { team: 'red', floor: '2' } };

describe('RFC 7396 §2 merge patch', () => {
  it.each<[string, MergePatch<Thing>, Partial<Thing>]>([
    ['nothing', {}, {}],
    ['absent and undefined members stay', { name: undefined }, {}],
    ['a value replaces', { name: 'b' }, { name: 'b' }],
    ['an array replaces as a whole', { tags: ['z'] }, { tags: ['z'] }],
    [
      'null goes back to the default',
      { tags: null, limit: null, name: null },
      { tags: ['default'], limit: null, name: '' },
    ],
    [
      'an object is merged',
      { metadata: { team: 'blue', desk: '7' } },
      { metadata: { team: 'blue', floor: '2', desk: '7' } },
    ],
    ['null inside an object removes', { metadata: { team: null } }, { metadata: { floor: '2' } }],
    ['null for the object removes it all', { metadata: null }, { metadata: {} }],
    ['an empty object changes nothing', { metadata: {} }, {}],
  ])('%s', (_, patch, change) => {
    expect(applyMergePatch(current, patch, defaults)).toEqual({ ...current, ...change });
  });

  it('D8: takes no member that the resource does not have', () => {
    const patch: MergePatch<Thing> & { isAdmin: boolean } = { isAdmin: true };
    expect(applyMergePatch(current, patch, defaults)).toEqual(current);
  });

  it('changes neither the resource nor the patch', () => {
    const frozen = Object.freeze({ ...current, metadata: Object.freeze({ ...current.metadata }) });
    const patch = Object.freeze({ metadata: Object.freeze({ team: null }) });
    expect(applyMergePatch(frozen, patch, defaults).metadata).toEqual({ floor: '2' });
  });

  it('T-07: pollutes no prototype', () => {
    const patch = { metadata: JSON.parse('{"__proto__":{"polluted":"yes"}}') as Record<string, unknown> };
    const merged = applyMergePatch(current, patch, defaults);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect((merged.metadata as { polluted?: string }).polluted).toBeUndefined();
  });
});
