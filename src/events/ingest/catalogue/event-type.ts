/** A type of the catalogue. */
export interface EventType {
  readonly type: string;
  readonly description: string;
  /** What the data must conform to; `null`: anything. */
  readonly schema: JsonSchema | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A JSON Schema as it was sent. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A type in a list, with its exact place: `createdAt` in microseconds, which a `Date` cannot hold. */
export interface ListedEventType extends EventType {
  readonly listedAt: string;
}

/** A type as the admin API shows it. */
export interface EventTypeAnswer {
  readonly type: string;
  readonly description: string;
  readonly schema: JsonSchema | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The JSON of a type. */
export function eventTypeAnswer({ type, description, schema, createdAt, updatedAt }: EventType): EventTypeAnswer {
  return {
    type,
    description,
    schema,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

/** Names that can stand in a path; no globs. */
const listable = /^[A-Za-z0-9][!-)+-~]{0,254}$/;

/** Whether the catalogue can have a type of this name: printable ASCII that begins with a letter or digit, without `*`. */
export function isListableType(type: string): boolean {
  return listable.test(type);
}
