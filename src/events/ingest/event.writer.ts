import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../clock/index.js';
import { Batches, DatabaseUnavailable, GroupCommit, Postgres } from '../../database/index.js';
import { newUuid } from '../../identifiers/index.js';
import { OutboxSignal } from '../../outbox/index.js';

/** An event as it is stored. */
export interface PublishedEvent {
  readonly source: string;
  /** CloudEvents `id`. */
  readonly sourceId: string;
  readonly type: string;
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly occurredAt: number;
  /** The CloudEvent in structured mode. */
  readonly envelope: string;
}

/** The events of one request. */
export interface Publication {
  /** The client that publishes them. */
  readonly publisher: string;
  readonly events: readonly PublishedEvent[];
}

/** What became of an event: the identifier under which it is stored, and whether it was before. */
export interface StoredAs {
  readonly eventId: string;
  readonly duplicate: boolean;
}

/**
 * Inserts in the order of the keys, so that two batches with the same events wait for each other and never in a circle; the numbers
 * are drawn before, in the order in which the events came.
 */
const insertEvents = `
  WITH sent AS MATERIALIZED (
    SELECT nextval('events_seq') AS seq, s.*
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::text[])
      AS s (id, source, source_id, type, subject, occurred_at, envelope, publisher)
  )
  INSERT INTO events (id, source, source_id, type, subject, occurred_at, seq, envelope, publisher)
  SELECT id, source, source_id, type, subject, to_timestamp(occurred_at / 1000.0), seq, envelope, publisher
  FROM sent ORDER BY source COLLATE "C", source_id COLLATE "C"
  ON CONFLICT (source, source_id) DO NOTHING
  RETURNING id`;

const selectEvents = `
  SELECT e.id, k.n::int4 AS n
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (source, source_id, n)
  JOIN events e ON e.source = k.source AND e.source_id = k.source_id`;

/** Characters up to which a publication shares its commit with many others. */
const smallSize = 16 * 1024;

/** How often it is tried to store an event that is found stored, and is gone when it is looked up. */
const maxAttempts = 3;

type Row = PublishedEvent & { readonly id: string; readonly publisher: string };

/** Makes published events durable: those of one moment in one statement, each `(source, id)` once. */
@Injectable()
export class EventWriter implements OnApplicationShutdown {
  private readonly small: GroupCommit<Publication, readonly StoredAs[]>;
  private readonly large: GroupCommit<Publication, readonly StoredAs[]>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(OutboxSignal) private readonly signal: OutboxSignal,
    @Inject(Batches) batches: Batches,
  ) {
    const shared = {
      measures: batches.of('events'),
      commit: (publications: readonly Publication[]) => this.commit(publications),
    };
    // What waits is bounded in bytes: 64 MiB of small ones, about 100 MiB of large ones.
    this.small = new GroupCommit({ ...shared, maxBatch: 128, maxQueued: 4_000 });
    this.large = new GroupCommit({ ...shared, maxBatch: 4, maxQueued: 100 });
  }

  /**
   * Stores the events of a request, all of them or none; resolves after the commit.
   *
   * @returns for each event, in order, what became of it. Of several with the same source and id, wherever they come from, the one
   *   that is stored first stands, and all others are duplicates of it.
   * @throws DatabaseUnavailable
   */
  write(publication: Publication): Promise<readonly StoredAs[]> {
    const size = publication.events.reduce((sum, { envelope }) => sum + envelope.length, 0);
    return (size <= smallSize ? this.small : this.large).add(publication);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.small.drained(), this.large.drained()]);
  }

  private async commit(publications: readonly Publication[]): Promise<(readonly StoredAs[])[]> {
    const stored = await this.store(this.distinctRows(publications));
    return publications.map(({ events }) =>
      events.map((event) => {
        const key = keyOf(event);
        const { id, fresh } = stored.get(key) ?? { id: '', fresh: false };
        // Whoever comes first has stored it.
        stored.set(key, { id, fresh: false });
        return { eventId: id, duplicate: !fresh };
      }),
    );
  }

  /** The first of those with the same key; identifiers rise with the order. */
  private distinctRows(publications: readonly Publication[]): Row[] {
    const first = new Map<string, PublishedEvent & { readonly publisher: string }>();
    for (const { publisher, events } of publications) {
      for (const event of events) {
        const key = keyOf(event);
        if (!first.has(key)) first.set(key, { ...event, publisher });
      }
    }
    const now = this.clock.now();
    const ids = Array.from(first, () => newUuid(now)).toSorted();
    return [...first.values()].map((event, index) => ({ ...event, id: ids[index] ?? '' }));
  }

  private async store(rows: readonly Row[]): Promise<Map<string, { id: string; fresh: boolean }>> {
    const stored = new Map<string, { id: string; fresh: boolean }>();
    let missing = rows;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const inserted = await this.insert(missing);
      for (const row of missing) if (inserted.has(row.id)) stored.set(keyOf(row), { id: row.id, fresh: true });
      if (inserted.size > 0) this.signal.raise();
      const others = missing.filter(({ id }) => !inserted.has(id));
      if (others.length === 0) return stored;
      for (const [row, id] of await this.find(others)) stored.set(keyOf(row), { id, fresh: false });
      missing = others.filter((row) => !stored.has(keyOf(row)));
      if (missing.length === 0) return stored;
    }
    throw new DatabaseUnavailable(new Error('events were neither stored nor found'));
  }

  private async insert(rows: readonly Row[]): Promise<ReadonlySet<string>> {
    const inserted = await this.postgres.query<{ id: string }>({
      name: 'insert_events',
      text: insertEvents,
      values: [
        rows.map(({ id }) => id),
        rows.map(({ source }) => source),
        rows.map(({ sourceId }) => sourceId),
        rows.map(({ type }) => type),
        rows.map(({ subject }) => subject ?? null),
        rows.map(({ occurredAt }) => occurredAt),
        rows.map(({ envelope }) => envelope),
        rows.map(({ publisher }) => publisher),
      ],
    });
    return new Set(inserted.map(({ id }) => id));
  }

  /** A statement of its own: it sees what others had committed before the insertion found it. */
  private async find(rows: readonly Row[]): Promise<[Row, string][]> {
    const found = await this.postgres.query<{ id: string; n: number }>({
      name: 'find_events',
      text: selectEvents,
      values: [rows.map(({ source }) => source), rows.map(({ sourceId }) => sourceId)],
    });
    return found.flatMap(({ id, n }) => {
      const row = rows[n - 1];
      return row === undefined ? [] : [[row, id] as [Row, string]];
    });
  }
}

/** A source holds no blank. */
function keyOf({ source, sourceId }: PublishedEvent): string {
  return `${source} ${sourceId}`;
}
