import { fastify } from 'fastify';

export type Json = Readonly<Record<string, unknown>>;

/** Says what is wrong with a value by a schema; nothing: an empty list. */
export type SchemaCheck = (value: unknown, schema: Json) => Promise<readonly string[]>;

/**
 * Checks values with the validator that Fastify comes with (Ajv).
 *
 * @param components what `#/components/…` refers to
 */
export function schemaCheck(components: Json): { check: SchemaCheck; close: () => Promise<void> } {
  const app = fastify({
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, strict: false } },
  });
  app.post('/', (request) => {
    const { value, schema } = request.body as { value: unknown; schema: Json };
    const validate = request.compileValidationSchema({ ...schema, components });
    return validate(value)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  });
  return {
    check: async (value, schema) => {
      const answer = await app.inject({ method: 'POST', url: '/', payload: { value, schema } });
      return answer.statusCode === 200 ? answer.json<string[]>() : [answer.body];
    },
    close: () => app.close(),
  };
}

/** The schema, but nothing may be in an object that it does not name. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema).map(([name, value]) => [
    name,
    name === 'examples' || name === 'example' || name === 'const' || name === 'enum' ? value : closed(value),
  ]);
  const written = Object.fromEntries(members) as Record<string, unknown>;
  const isObject = typeof written['properties'] === 'object' && !('additionalProperties' in written);
  return isObject ? { ...written, additionalProperties: false } : written;
}
