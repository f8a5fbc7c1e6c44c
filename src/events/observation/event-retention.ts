import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/index.js';
import { ScheduledJobs } from '../../queue/index.js';

/** Days that things are kept (docs/events.md "How long things are kept"). */
export const keptDays = { finished: 7, deadLetters: 90 } as const;

/** Rows of one statement, so that none holds locks for long. */
const batch = 1_000;

/** Longest that a batch may take, in milliseconds. */
const withinMs = 30_000;

/** A time as text that sorts like the time. */
const sortable = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const deleteLetters = `
  DELETE FROM dead_letters WHERE id = ANY (ARRAY(
    SELECT id FROM dead_letters WHERE replayed_at IS NULL AND dead_at < statement_timestamp() - $2 * interval '1 day'
    ORDER BY dead_at, id LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING id, NULL AS place`;

/** What is dead stays while its letter waits. The letters that were replayed go with the delivery that they tell of. */
const deleteDeliveries = `
  WITH old AS MATERIALIZED (
    SELECT d.id, d.finished_at FROM deliveries d
    WHERE d.finished_at < statement_timestamp() - $2 * interval '1 day' AND d.finished_at >= $3
      AND d.status IN ('succeeded', 'cancelled', 'dead')
      AND NOT (d.status = 'dead'
        AND EXISTS (SELECT FROM dead_letters l WHERE l.delivery_id = d.id AND l.replayed_at IS NULL))
    ORDER BY d.finished_at LIMIT $1 FOR UPDATE OF d SKIP LOCKED
  ), letters AS (
    DELETE FROM dead_letters USING old WHERE dead_letters.delivery_id = old.id
  )
  DELETE FROM deliveries USING old WHERE deliveries.id = old.id
  RETURNING deliveries.id, ${sortable('old.finished_at')} AS place`;

/** An event is forgotten after its last delivery, and with it that its identifier was used. */
const deleteEvents = `
  WITH old AS MATERIALIZED (
    SELECT e.id, e.routed_at FROM events e
    WHERE e.routed_at < statement_timestamp() - $2 * interval '1 day' AND e.routed_at >= $3
      AND NOT EXISTS (SELECT FROM deliveries d WHERE d.event_id = e.id)
    ORDER BY e.routed_at LIMIT $1 FOR UPDATE OF e SKIP LOCKED
  )
  DELETE FROM events USING old WHERE events.id = old.id
  RETURNING events.id, ${sortable('old.routed_at')} AS place`;

interface Gone {
  readonly id: string;
  /** Where in the order of time it was; what comes before it has been looked at. */
  readonly place: string | null;
}

/**
 * Forgets what is over: deliveries and events after a week, dead letters that nobody wanted after three months. In small
 * batches, each of which passes over what somebody else holds.
 */
@Injectable()
export class EventRetention implements OnModuleInit {
  private readonly logger = new Logger('events');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: 'event-retention', everySeconds: 300, run: (signal) => this.tend(signal) });
  }

  /** Does all of it; safe at any time, in any number of processes. */
  async tend(signal?: AbortSignal): Promise<void> {
    const letters = await this.inBatches(deleteLetters, [keptDays.deadLetters], signal);
    if (letters > 0) this.logger.warn(`${letters} dead letters were given up after ${keptDays.deadLetters} days`);
    await this.inBatches(deleteDeliveries, [keptDays.finished], signal, '-infinity');
    await this.inBatches(deleteEvents, [keptDays.finished], signal, '-infinity');
  }

  /** @param from where in the order of time to begin, for a statement that goes by it */
  private async inBatches(
    statement: string,
    values: readonly unknown[],
    signal: AbortSignal | undefined,
    from?: string,
  ): Promise<number> {
    let place = from;
    let count = 0;
    for (;;) {
      const gone = await this.run(statement, [batch, ...values, ...(place === undefined ? [] : [place])]);
      count += gone.length;
      if (gone.length < batch || signal?.aborted === true) return count;
      if (place !== undefined) place = latestOf(gone) ?? place;
    }
  }

  private run(statement: string, values: unknown[]): Promise<Gone[]> {
    return inTransaction(
      this.dataSource,
      async (tx) => {
        const [gone] = await tx.query<[Gone[], number]>(statement, values);
        return gone;
      },
      { withinMs },
    );
  }
}

function latestOf(gone: readonly Gone[]): string | undefined {
  return gone
    .flatMap(({ place }) => (place === null ? [] : [place]))
    .toSorted()
    .at(-1);
}
