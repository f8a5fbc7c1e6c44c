/** A JSON Schema as OpenAPI 3.1 takes it (draft 2020-12). */
export type Schema = Readonly<Record<string, unknown>>;

/** The place of a schema or answer in `components`; not a part of its JSON. */
const componentPlace = Symbol('component place');

/** Where in `components` something is written once. */
export interface ComponentPlace {
  readonly section: 'schemas' | 'responses';
  readonly name: string;
}

/** An object whose every member is described: one schema per member of `Members`, and no more. */
export type MemberSchemas<Members> = { readonly [Name in keyof Members]-?: Schema };

/** A text, with an example of it; `more` are further keywords. */
export function text(description: string, example: string, more: Schema = {}): Schema {
  return { type: 'string', description, ...more, examples: [example] };
}

/** A text that is one of `values`; the first is the example unless one is given. */
export function oneOf(description: string, values: readonly string[], example = values[0]): Schema {
  return { type: 'string', description, enum: values, examples: [example] };
}

/** RFC 3339 in UTC. */
export function time(description: string, example = '2026-03-01T09:30:00.000Z'): Schema {
  return text(description, example, { format: 'date-time' });
}

/** An integer of at least 0. */
export function count(description: string, example: number, more: Schema = {}): Schema {
  return { type: 'integer', minimum: 0, description, ...more, examples: [example] };
}

export function flag(description: string, example: boolean): Schema {
  return { type: 'boolean', description, examples: [example] };
}

/** A list of `items`; its example has one of them. */
export function list(description: string, items: Schema, more: Schema = {}): Schema {
  return { type: 'array', description, items, ...more };
}

/** The schema, or `null`; `example` replaces that of the schema. */
export function nullable(schema: Schema, ...example: readonly unknown[]): Schema {
  const examples = example.length === 0 ? {} : { examples: example };
  if (placeOf(schema) !== undefined) return { anyOf: [schema, { type: 'null' }], ...examples };
  const known = 'enum' in schema ? { enum: [...(schema['enum'] as readonly unknown[]), null] } : {};
  return { ...schema, type: [schema['type'], 'null'], ...known, ...examples };
}

/** An object of which only the values are known. */
export function mapOf(description: string, values: Schema, example: Readonly<Record<string, unknown>>): Schema {
  return { type: 'object', description, additionalProperties: values, examples: [example] };
}

/**
 * An object with these members; its example is made of theirs.
 *
 * @param optional the members that may be absent, and are from the example
 */
export function object<Members extends object>(
  properties: MemberSchemas<Members>,
  optional: readonly (keyof Members & string)[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !(optional as readonly string[]).includes(name));
  return { type: 'object', required, properties };
}

/** The members of `schema`, an object, and these. */
export function extended(schema: Schema, properties: Readonly<Record<string, Schema>>, optional = false): Schema {
  const required = schema['required'] as readonly string[];
  return {
    type: 'object',
    required: optional ? required : [...required, ...Object.keys(properties)],
    properties: { ...(schema['properties'] as object), ...properties },
  };
}

/** The schema, or answer, as a component of the document: it is written once, and referred to by `name`. */
export function named(name: string, schema: Schema, section: ComponentPlace['section'] = 'schemas'): Schema {
  return Object.defineProperty({ ...schema }, componentPlace, { value: { section, name }, enumerable: false });
}

/** The place that {@link named} gave to the schema. */
export function placeOf(schema: object): ComponentPlace | undefined {
  return (schema as { [componentPlace]?: ComponentPlace })[componentPlace];
}

/** What an answer of this schema looks like. */
export function exampleOf(schema: Schema): unknown {
  const { examples, items, properties, required, anyOf } = schema;
  if (Array.isArray(examples)) return examples[0] as unknown;
  if (Array.isArray(anyOf)) return exampleOf(anyOf[0] as Schema);
  if (items !== undefined) return [exampleOf(items as Schema)];
  const members = (required ?? []) as readonly string[];
  return Object.fromEntries(
    members.map((name) => [name, exampleOf((properties as Record<string, Schema>)[name] ?? {})]),
  );
}
