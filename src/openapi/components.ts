import { type ComponentPlace, placeOf } from './schema.js';

type Json = Readonly<Record<string, unknown>>;

/** `components` of the document, as far as they are written. */
export type Components = Record<ComponentPlace['section'], Record<string, Json>>;

/**
 * Writes a part of the document out: each named schema and answer in it goes into `components`, once, and a reference takes its
 * place.
 *
 * @throws Error when two that differ have the same name
 */
export function withComponents(value: unknown, components: Components): unknown {
  if (Array.isArray(value)) return value.map((item) => withComponents(item, components));
  if (typeof value !== 'object' || value === null) return value;
  const place = placeOf(value);
  const written = Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, withComponents(item, components)]),
  );
  if (place === undefined) return written;
  const { section, name } = place;
  const known = components[section][name];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(written)) {
    throw new Error(`two ${section} are named ${name}`);
  }
  components[section][name] = written;
  return { $ref: `#/components/${section}/${name}` };
}
