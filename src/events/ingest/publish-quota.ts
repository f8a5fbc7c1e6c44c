import { Inject, Injectable } from '@nestjs/common';
import { EventConfig } from '../../config/index.js';
import { Postgres } from '../../database/index.js';
import { TooManyPending } from './publish.errors.js';

/** Most publishers that a process keeps in mind; of more, the one that was seen longest ago is forgotten. */
const maxPublishers = 10_000;

/** Milliseconds between two counts of one publisher; a count that takes long is repeated less often, by this factor. */
const countEveryMs = 1_000;
const restFactor = 20;

/** Milliseconds after which a count says nothing any more. */
const staleMs = 10_000;

/** Neither part reads more than the quota: what is over it is as good as that. */
const countPending = `
  SELECT (
    (SELECT count(*) FROM (
      SELECT 1 FROM deliveries WHERE publisher = $1 AND status IN ('pending', 'retrying') LIMIT $2::int8) AS open)
    + (SELECT count(*) FROM (
      SELECT publisher FROM events WHERE routed_at IS NULL ORDER BY created_at, id LIMIT $2::int8) AS unrouted
      WHERE publisher = $1)
  )::float8 AS pending`;

/** What is known of a publisher. */
interface Standing {
  pending: number;
  /** When the count began, by the monotonic clock; `undefined`: there was none yet. */
  countedAt: number | undefined;
  /** Milliseconds to the next count. */
  restMs: number;
  counting: Promise<void> | undefined;
}

/**
 * Keeps a publisher whose receivers cannot follow from filling the database: its open deliveries and its events that are not routed
 * yet are counted, at most once a second in each process; what is accepted meanwhile is added.
 */
@Injectable()
export class PublishQuota {
  private readonly standings = new Map<string, Standing>();

  constructor(
    @Inject(EventConfig) private readonly config: EventConfig,
    @Inject(Postgres) private readonly postgres: Postgres,
  ) {}

  /** @throws TooManyPending, DatabaseUnavailable */
  async admit(publisher: string): Promise<void> {
    const standing = this.standingOf(publisher);
    const age = standing.countedAt === undefined ? Infinity : performance.now() - standing.countedAt;
    if (age >= standing.restMs) {
      standing.counting ??= this.count(publisher, standing);
      // Whoever was under the quota a second ago goes on while it is counted; nobody is refused for what was.
      if (age > staleMs || this.isOver(standing)) await standing.counting;
      else standing.counting.catch(() => undefined);
    }
    if (this.isOver(standing)) throw new TooManyPending();
  }

  /** Notes that so many events of the publisher were accepted. */
  accepted(publisher: string, count: number): void {
    const standing = this.standings.get(publisher);
    if (standing !== undefined) standing.pending += count;
  }

  private isOver({ pending }: Standing): boolean {
    return pending >= this.config.maxPendingPerPublisher;
  }

  private standingOf(publisher: string): Standing {
    const known = this.standings.get(publisher);
    this.standings.delete(publisher);
    const standing = known ?? { pending: 0, countedAt: undefined, restMs: countEveryMs, counting: undefined };
    this.standings.set(publisher, standing);
    const [oldest] = this.standings.keys();
    if (this.standings.size > maxPublishers && oldest !== undefined) this.standings.delete(oldest);
    return standing;
  }

  private async count(publisher: string, standing: Standing): Promise<void> {
    const begin = performance.now();
    try {
      const [row] = await this.postgres.query<{ pending: number }>({
        name: 'publish_quota',
        text: countPending,
        values: [publisher, this.config.maxPendingPerPublisher],
      });
      standing.pending = row?.pending ?? 0;
      standing.countedAt = begin;
      standing.restMs = Math.max(countEveryMs, restFactor * (performance.now() - begin));
    } finally {
      standing.counting = undefined;
    }
  }
}
