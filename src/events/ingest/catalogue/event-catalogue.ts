import { Inject, Injectable } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../../../database/index.js';
import type { CloudEvent, ProblemFault } from '../../../protocol/index.js';
import { compileEventSchema, type EventSchema } from './event-schema.js';
import { doneWithin } from './watchdog.js';

/** Most compiled schemas that a process keeps. */
const maxSchemas = 1_000;

/** Milliseconds that the data of one request may take to be checked. */
const checkMs = 200;

/** The schemas of these types, as text only where the reader has not that version; a type made anew has another tag. */
const selectSchemas = `
  SELECT t.type, v.tag, CASE WHEN v.tag = k.tag THEN NULL ELSE t.schema END AS schema
  FROM unnest($1::text[], $2::text[]) AS k (type, tag)
  JOIN event_types t ON t.type = k.type
  CROSS JOIN LATERAL (SELECT t.version::text || ' ' || extract(epoch FROM t.created_at)::text AS tag) AS v
  WHERE t.schema IS NOT NULL`;

interface Compiled {
  readonly tag: string;
  readonly schema: EventSchema;
}

type Schemas = ReadonlyMap<string, EventSchema>;

/**
 * Holds published data against the catalogue. The catalogue is asked for each publication, after it came, so that a change holds for
 * every publication that begins after the change was answered, on every process; the questions of one moment are one query, and what
 * was compiled is kept.
 */
@Injectable()
export class EventCatalogue {
  private readonly compiled = new Map<string, Compiled>();
  private readonly reader: GroupCommit<readonly string[], Schemas>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Batches) batches: Batches,
  ) {
    this.reader = new GroupCommit({
      maxBatch: 1_000,
      maxQueued: 5_000,
      measures: batches.of('event_types'),
      commit: async (asked) => {
        const schemas = await this.read([...new Set(asked.flat())]);
        return asked.map(() => schemas);
      },
    });
  }

  /**
   * What is wrong with the data of the events, one fault at most for each.
   *
   * @throws DatabaseUnavailable
   */
  async faultsOf(events: readonly CloudEvent[]): Promise<ProblemFault[]> {
    const schemas = await this.reader.add([...new Set(events.map(({ type }) => type))]);
    const checked = events.filter(({ type }) => schemas.has(type));
    const faults: ProblemFault[] = [];
    if (checked.length === 0) return faults;
    let place = '';
    const tooMuch = () => faults.push({ pointer: place, detail: 'takes too long to be held against its schema' });
    try {
      const inTime = doneWithin(checkMs, () => {
        for (const event of checked) {
          place = `${event.pointer}/data`;
          const fault = faultOf(event, schemas.get(event.type));
          if (fault !== undefined) faults.push(fault);
        }
      });
      if (!inTime) tooMuch();
    } catch (error) {
      // A schema that refers to itself without end.
      if (!(error instanceof RangeError)) throw error;
      tooMuch();
    }
    return faults;
  }

  private async read(types: readonly string[]): Promise<Schemas> {
    const rows = await this.postgres.query<{ type: string; tag: string; schema: string | null }>({
      name: 'event_schemas',
      text: selectSchemas,
      values: [types, types.map((type) => this.compiled.get(type)?.tag ?? '')],
    });
    const found = new Map<string, EventSchema>();
    for (const { type, tag, schema } of rows) {
      const known = this.compiled.get(type);
      const current = schema === null && known !== undefined ? known : await compiledOf(tag, schema);
      this.keep(type, current);
      found.set(type, current.schema);
    }
    return found;
  }

  /** Forgets what was used longest ago. */
  private keep(type: string, compiled: Compiled): void {
    this.compiled.delete(type);
    this.compiled.set(type, compiled);
    const [oldest] = this.compiled.keys();
    if (this.compiled.size > maxSchemas && oldest !== undefined) this.compiled.delete(oldest);
  }
}

async function compiledOf(tag: string, schema: string | null): Promise<Compiled> {
  const parsed = JSON.parse(schema ?? 'null') as Readonly<Record<string, unknown>>;
  return { tag, schema: await compileEventSchema(parsed) };
}

function faultOf({ data, pointer }: CloudEvent, schema: EventSchema | undefined): ProblemFault | undefined {
  if (data.kind === 'none') return { pointer: `${pointer}/data`, detail: 'is required by the schema of this type' };
  if (data.kind === 'binary')
    return { pointer: `${pointer}/data_base64`, detail: 'must be JSON by the schema of this type' };
  const fault = schema?.faultOf(data.value);
  return fault && { pointer: `${pointer}/data${fault.pointer}`, detail: fault.detail };
}
