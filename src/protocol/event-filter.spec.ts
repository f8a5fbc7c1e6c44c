import { eventFilterLimits, passesFilter, readEventFilter } from './event-filter.js';

const event = {
  specversion: '1.0',
  id: '1',
  source: 'shop',
  type: 'order.created',
  subject: 'eu-42',
  priority: 3,
  data: {
    amount: 12.5,
    currency: 'EUR',
    paid: false,
    coupon: null,
    customer: { id: 'c-1', tags: ['vip', 'new'] },
    items: [{ sku: 'a-1', count: 1 }, { sku: 'b-2', count: 20 }, 'stray'],
    empty: [],
  },
};

function passes(filter: unknown, content: Record<string, unknown> = event): boolean {
  const read = readEventFilter(filter, (pointer, detail) => {
    throw new Error(`${pointer} ${detail}`);
  });
  return passesFilter(read, content);
}

function faults(filter: unknown): string[] {
  const pointers: string[] = [];
  readEventFilter(filter, (pointer) => pointers.push(pointer));
  return pointers;
}

describe('a content filter', () => {
  it.each<[Record<string, unknown>, boolean]>([
    [{}, true],
    [{ subject: ['eu-42'] }, true],
    [{ subject: ['eu-4'] }, false],
    [{ subject: [{ equals: 'eu-42' }] }, true],
    [{ subject: [{ prefix: 'eu-' }] }, true],
    [{ subject: [{ suffix: '-42' }] }, true],
    [{ subject: [{ prefix: 'us-' }, { suffix: '42' }] }, true],
    [{ subject: [{ prefix: 'eu-', suffix: '-1' }] }, false],
    [{ subject: [{ prefix: 'us-' }], type: ['order.created'] }, false],
    [{ 'data.amount': [12.5] }, true],
    [{ 'data.amount': ['12.5'] }, false],
    [{ 'data.amount': [{ gte: 12.5, lt: 13 }] }, true],
    [{ 'data.amount': [{ gt: 12.5 }] }, false],
    [{ 'data.amount': [{ lte: 12.5 }] }, true],
    [{ 'data.amount': [{ lt: 12.5 }] }, false],
    [{ 'data.currency': [{ gt: 0 }] }, false],
    [{ 'data.paid': [false] }, true],
    [{ 'data.coupon': [null] }, true],
    [{ 'data.coupon': [{ exists: true }] }, true],
    [{ 'data.nothing': [null] }, false],
    [{ 'data.nothing': [{ exists: false }] }, true],
    [{ 'data.nothing': [{ exists: false }, 1] }, true],
    [{ 'data.customer.id': [{ exists: false }] }, false],
    [{ 'data.customer': [{ exists: true }] }, true],
    [{ 'data.empty': [{ exists: true }] }, true],
    [{ 'data.empty': [{ anything_but: 1 }] }, false],
    [{ 'data.currency': [{ anything_but: 'USD' }] }, true],
    [{ 'data.currency': [{ anything_but: ['USD', 'EUR'] }] }, false],
    [{ 'data.nothing': [{ anything_but: 'x' }] }, false],
    [{ 'data.currency': [{ anything_but: 'USD', prefix: 'E' }] }, true],
    [{ priority: [3] }, true],
    [{ 'data.amount.x': [1] }, false],
    [{ 'data.currency.length': [3] }, false],
    [{ 'data.hasOwnProperty': [{ exists: true }] }, false],
  ])('%j: %s', (filter, expected) => {
    expect(passes(filter)).toBe(expected);
  });

  it.each<[Record<string, unknown>, boolean]>([
    [{ 'data.customer.tags': ['new'] }, true],
    [{ 'data.customer.tags': ['old'] }, false],
    [{ 'data.customer.tags': [{ anything_but: 'vip' }] }, false],
    [{ 'data.items.sku': [{ prefix: 'b-' }] }, true],
    [{ 'data.items.count': [{ gt: 1, lt: 10 }] }, false],
    [{ 'data.items.0': [{ exists: true }] }, false],
  ])('of a list one item is enough, for all of a condition: %j: %s', (filter, expected) => {
    expect(passes(filter)).toBe(expected);
  });

  it('finds nothing in an event without JSON', () => {
    const { data: _, ...binary } = event;
    expect(passes({ 'data.x': [1] }, { ...binary, data_base64: 'AA==' })).toBe(false);
    expect(passes({ 'data.x': [{ exists: false }] }, binary)).toBe(true);
  });
});

describe('a filter that is refused', () => {
  const wide = (paths: number, conditions: number) =>
    Object.fromEntries(Array.from({ length: paths }, (_, n) => [`data.x${n}`, Array(conditions).fill(1)]));

  it.each<[unknown, string[]]>([
    [[], ['']],
    ['x', ['']],
    [null, ['']],
    [{ 'data.x': 1 }, ['/data.x']],
    [{ 'data.x': { gte: 1 } }, ['/data.x']],
    [{ 'data.x': [] }, ['/data.x']],
    [{ '': [1] }, ['/']],
    [{ 'DATA.x': [1] }, ['/DATA.x']],
    [{ 'a/b~c': [1] }, ['/a~1b~0c']],
    [{ 'data..x': [1] }, ['/data..x']],
    [{ 'data.': [1] }, ['/data.']],
    [{ 'subject.x': [1] }, ['/subject.x']],
    [{ 'data.1.2.3.4.5.6.7.8.9.10': [1] }, ['/data.1.2.3.4.5.6.7.8.9.10']],
    [{ subject: [{}] }, ['/subject/0']],
    [{ subject: ['a', []] }, ['/subject/1']],
    [{ subject: [{ like: 'x' }] }, ['/subject/0/like']],
    [{ subject: [{ prefix: '' }] }, ['/subject/0/prefix']],
    [{ subject: [{ prefix: 1, suffix: null }] }, ['/subject/0/prefix', '/subject/0/suffix']],
    [{ subject: [{ equals: [] }] }, ['/subject/0/equals']],
    [{ subject: [{ exists: 'true' }] }, ['/subject/0/exists']],
    [{ subject: [{ gte: '1' }] }, ['/subject/0/gte']],
    [{ subject: [{ anything_but: [] }] }, ['/subject/0/anything_but']],
    [{ subject: [{ anything_but: [{}] }] }, ['/subject/0/anything_but']],
    [{ subject: ['x'.repeat(eventFilterLimits.text + 1)] }, ['/subject/0']],
    [{ subject: [{ prefix: 'x'.repeat(eventFilterLimits.text + 1) }] }, ['/subject/0/prefix']],
    [{ [`data.${'x'.repeat(eventFilterLimits.path)}`]: [1] }, [`/data.${'x'.repeat(eventFilterLimits.path)}`]],
    [wide(eventFilterLimits.paths + 1, 1), ['']],
    [wide(2, eventFilterLimits.conditions / 2 + 1), ['']],
  ])('%j', (filter, pointers) => {
    expect(faults(filter)).toEqual(pointers);
  });

  it('L-07: a filter of the greatest size looks through a big event in no time', () => {
    const filter = readEventFilter(wide(eventFilterLimits.paths, 5), () => {
      throw new Error('is allowed');
    });
    const list = Array.from({ length: 20_000 }, () => ({ x0: 'a' }));
    expect(passesFilter(filter, { data: list })).toBe(false);
  });
});
