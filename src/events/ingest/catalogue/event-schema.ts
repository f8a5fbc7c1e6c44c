import type { Ajv } from 'ajv';
import type { ProblemFault } from '../../../protocol/index.js';

/** Why a JSON Schema is not taken; `pointer` is relative to it. */
export class SchemaFault extends Error {
  override readonly name = 'SchemaFault';

  constructor(
    readonly pointer: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** A compiled JSON Schema. */
export interface EventSchema {
  /** The first fault of a value, its pointer relative to the value; `undefined`: it conforms. May take long, or recurse too deep. */
  faultOf(value: unknown): ProblemFault | undefined;
}

/** Most bytes of a schema as JSON. */
export const maxSchemaBytes = 16 * 1024;

const maxTextLength = 256;

const drafts: Readonly<Record<string, '2020-12' | 'draft-07'>> = {
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
  'https://json-schema.org/draft/2020-12/schema#': '2020-12',
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'http://json-schema.org/draft-07/schema#': 'draft-07',
};

/** Unknown keywords and formats are annotations, as the specification says. */
const options = { strict: false, validateFormats: false, logger: false, inlineRefs: false } as const;

/** A compiler has no schema of others: it is used once. */
const compilerOptions = { ...options, meta: false, validateSchema: false } as const;

interface Draft {
  /** Knows the schema of schemas. */
  readonly checker: Ajv;
  readonly compiler: () => Ajv;
}

const loaded = new Map<string, Promise<Draft>>();

/** The compiler is loaded when the first schema is there. */
function draft(name: '2020-12' | 'draft-07'): Promise<Draft> {
  const known = loaded.get(name) ?? load(name);
  loaded.set(name, known);
  return known;
}

async function load(name: '2020-12' | 'draft-07'): Promise<Draft> {
  if (name === 'draft-07') {
    const { Ajv: Compiler } = await import('ajv');
    return { checker: new Compiler(options), compiler: () => new Compiler(compilerOptions) };
  }
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  return { checker: new Ajv2020(options), compiler: () => new Ajv2020(compilerOptions) };
}

/**
 * Compiles a JSON Schema: 2020-12, or draft-07 where `$schema` says so. It refers to nothing but itself.
 *
 * @throws SchemaFault
 */
export async function compileEventSchema(schema: Readonly<Record<string, unknown>>): Promise<EventSchema> {
  const { $schema: dialect } = schema;
  const name = dialect === undefined ? '2020-12' : typeof dialect === 'string' ? drafts[dialect] : undefined;
  if (name === undefined) throw new SchemaFault('/$schema', 'must be that of JSON Schema 2020-12 or draft-07');
  refuseForeign(schema, '');
  const { checker, compiler } = await draft(name);
  if (checker.validateSchema(schema) !== true) {
    const [first] = checker.errors ?? [];
    throw new SchemaFault(cut(first?.instancePath ?? ''), `is not valid JSON Schema: it ${cut(first?.message ?? '')}`);
  }
  try {
    const validate = compiler().compile(schema);
    return {
      faultOf: (value) => {
        if (validate(value)) return undefined;
        const [first] = validate.errors ?? [];
        return { pointer: cut(first?.instancePath ?? ''), detail: cut(first?.message ?? 'does not conform') };
      },
    };
  } catch (error) {
    throw new SchemaFault('', `is not valid JSON Schema: ${compilationFault(error)}`);
  }
}

function compilationFault(error: unknown): string {
  if (error instanceof SyntaxError) return 'a pattern in it is no regular expression';
  if (error instanceof Error && 'missingRef' in error) return 'it refers to a part that it does not have';
  return 'it cannot be compiled';
}

/** No schema is fetched from elsewhere, and none is asynchronous, which would conform to anything here. */
function refuseForeign(schema: unknown, pointer: string): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [name, value] of Object.entries(schema)) {
    const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (name === '$async') throw new SchemaFault(cut(place), 'is no keyword that is taken here');
    const refers = /^\$(ref|dynamicRef|recursiveRef)$/.test(name) && typeof value === 'string';
    if (refers && !value.startsWith('#')) throw new SchemaFault(cut(place), 'must refer to a part of this schema');
    refuseForeign(value, place);
  }
}

function cut(text: string): string {
  return text.slice(0, maxTextLength);
}
