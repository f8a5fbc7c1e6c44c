import type { Json } from './json-schema.js';
import type { TestServer } from './server.js';

export interface Media {
  readonly schema: Json;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** The examples of a body, however many. */
export function examplesOf({ example, examples }: Media): unknown[] {
  return examples === undefined ? [example] : Object.values(examples).map(({ value }) => value);
}

export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly schema?: Json; readonly $ref?: string }>>;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Json;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Answer | { readonly $ref: string }>>;
}

export interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<'schemas' | 'responses' | 'headers' | 'securitySchemes', Json>>;
}

/** An operation, with where it is. */
export interface PlacedOperation extends Operation {
  /** In capitals. */
  readonly method: string;
  /** With `{name}` for a parameter. */
  readonly path: string;
}

/** The document that the server gives. */
export async function readDocument(server: TestServer): Promise<Document> {
  const response = await server.fetch('/openapi.json');
  if (response.status !== 200) throw new Error(`no document: ${response.status} ${await response.text()}`);
  return (await response.json()) as Document;
}

export function operationsOf({ paths }: Document): PlacedOperation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
}

/** What `$ref` refers to, or the value itself. */
export function resolved<Value>(document: Document, value: Value | { readonly $ref: string }): Value {
  if (typeof value !== 'object' || value === null || !('$ref' in value)) return value;
  let found: unknown = document;
  for (const name of value.$ref.slice(2).split('/')) found = (found as Record<string, unknown>)[name];
  if (found === undefined) throw new Error(`${value.$ref} refers to nothing`);
  return found as Value;
}

/** Every object of a tree. */
export function* objectsIn(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const item of Object.values(value)) yield* objectsIn(item);
}
