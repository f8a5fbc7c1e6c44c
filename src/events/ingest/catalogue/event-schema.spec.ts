import { compileEventSchema, SchemaFault } from './event-schema.js';

async function faultOf(schema: Record<string, unknown>): Promise<[string, string]> {
  try {
    await compileEventSchema(schema);
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error;
    return [error.pointer, error.detail];
  }
  throw new Error('accepted');
}

it('holds values against it, and says where they differ', async () => {
  const schema = await compileEventSchema({
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'array', items: { $ref: '#/$defs/word' } } },
    $defs: { word: { type: 'string', pattern: '^[a-z]+$' } },
  });
  expect(schema.faultOf({ a: ['x'] })).toBeUndefined();
  expect(schema.faultOf({ a: ['x', 'Y'] })).toEqual({ pointer: '/a/1', detail: 'must match pattern "^[a-z]+$"' });
  expect(schema.faultOf({})).toEqual({ pointer: '', detail: "must have required property 'a'" });
  expect(schema.faultOf(null)).toEqual({ pointer: '', detail: 'must be object' });
});

it.each([
  undefined,
  'https://json-schema.org/draft/2020-12/schema',
  'http://json-schema.org/draft-07/schema#',
  'http://json-schema.org/draft-07/schema',
])('knows %s', async ($schema) => {
  const schema = await compileEventSchema({
    ...($schema && { $schema }),
    type: 'integer',
    'x-own': 1,
    format: 'unknown',
  });
  expect(schema.faultOf(1)).toBeUndefined();
  expect(schema.faultOf('1')).toMatchObject({ detail: 'must be integer' });
});

it('reads the keywords of each draft', async () => {
  const tuple = { type: 'array', prefixItems: [{ type: 'string' }] };
  expect((await compileEventSchema(tuple)).faultOf([1])).toMatchObject({ pointer: '/0' });
  const old = { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] };
  expect((await compileEventSchema(old)).faultOf([1])).toMatchObject({ pointer: '/0' });
});

it.each<[string, Record<string, unknown>, string]>([
  ['another dialect', { $schema: 'http://json-schema.org/draft-04/schema#' }, '/$schema'],
  ['a dialect that is none', { $schema: 7 }, '/$schema'],
  ['an unknown type', { type: 'text' }, '/type'],
  ['a faulty part', { properties: { 'a/b': { minLength: -1 } } }, '/properties/a~1b/minLength'],
  ['a pattern that is none', { pattern: '(' }, ''],
  ['a reference to nothing', { $ref: '#/$defs/x' }, ''],
  ['a reference elsewhere', { allOf: [{ $ref: 'https://example.com/schema' }] }, '/allOf/0/$ref'],
  ['a relative reference elsewhere', { $id: 'https://example.com/a', $ref: 'b' }, '/$ref'],
  ['a dynamic reference elsewhere', { $dynamicRef: 'meta/core' }, '/$dynamicRef'],
  ['an asynchronous one', { $async: true }, '/$async'],
])('refuses %s', async (_, schema, pointer) => {
  const [where, detail] = await faultOf(schema);
  expect(where).toBe(pointer);
  expect(detail).not.toContain('example.com');
});

it.each(['https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema#'])(
  'may refer to itself: %s',
  async ($schema) => {
    const schema = await compileEventSchema({ $schema, type: 'object', properties: { child: { $ref: '#' } } });
    expect(schema.faultOf({ child: { child: {} } })).toBeUndefined();
    expect(schema.faultOf({ child: { child: 1 } })).toMatchObject({ pointer: '/child/child' });
  },
);

it('keeps what two have named alike apart', async () => {
  const named = (type: string) => ({
    $id: 'https://example.com/x',
    $defs: { a: { $id: 'https://example.com/y', type } },
    $ref: '#/$defs/a',
  });
  const [one, other] = [await compileEventSchema(named('string')), await compileEventSchema(named('integer'))];
  expect([one.faultOf(1) === undefined, other.faultOf(1) === undefined]).toEqual([false, true]);
});
