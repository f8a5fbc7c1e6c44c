import { Inject, Injectable } from '@nestjs/common';
import { Postgres } from '../database/index.js';
import type { ResourceKey } from './resource-key.js';

/** A change as the feed tells it. */
export interface FeedChange extends ResourceKey {
  readonly position: number;
  readonly version: number;
  readonly deleted: boolean;
  readonly updatedAt: Date;
}

/** A stretch of the feed. */
export interface FeedStretch {
  /** Those of the asked type, oldest first. */
  readonly changes: readonly FeedChange[];
  /** Position up to which the feed was read: the next stretch begins behind it. */
  readonly readTo: number;
  /** Whether that is all that there is. */
  readonly atEnd: boolean;
  /** Position of the newest change ever. */
  readonly head: number;
}

/** One row at least, so that it is known how far the feed was read and how far it goes. */
const selectStretch = `
  WITH stretch AS (
    SELECT position, resource_type, resource_id, version, deleted, updated_at FROM state_changes
    WHERE position > $1::bigint ORDER BY position LIMIT $2::int
  )
  SELECT read.until::text AS until, read.rows::int AS rows,
    (SELECT position FROM state_feed WHERE id)::text AS head,
    c.position::text AS position, c.resource_type, c.resource_id, c.version::text AS version, c.deleted, c.updated_at
  FROM (SELECT max(position) AS until, count(*) AS rows FROM stretch) AS read
  LEFT JOIN (
    SELECT * FROM stretch WHERE $3::text IS NULL OR resource_type = $3::text ORDER BY position LIMIT $4::int
  ) AS c ON true
  ORDER BY c.position`;

/**
 * Removes from the feed what the next changes behind `after` have superseded, as far as they are old enough. Stops at the first
 * that is not, so that none is passed over.
 */
const deleteSuperseded = `
  WITH following AS (
    SELECT position, resource_type, resource_id, version,
      bool_and(updated_at < statement_timestamp() - make_interval(secs => $3::float8)) OVER (ORDER BY position) AS due
    FROM (SELECT * FROM state_changes WHERE position > $1::bigint ORDER BY position LIMIT $2::int) AS next
  ), removed AS (
    DELETE FROM state_changes c USING following f
    WHERE f.due AND c.resource_type = f.resource_type AND c.resource_id = f.resource_id AND c.version < f.version
    RETURNING 1
  )
  SELECT (SELECT max(position) FROM following WHERE due)::text AS until, (SELECT count(*)::int FROM removed) AS removed`;

interface Row {
  readonly until: string | null;
  readonly rows: number;
  readonly head: string | null;
  readonly position: string | null;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: string;
  readonly deleted: boolean;
  readonly updated_at: Date;
}

/** Reads the feed of changes, and shortens it. */
@Injectable()
export class ChangeFeedRepository {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  /**
   * Reads on from `after`: at most `span` changes, of which at most `limit` of the type are given.
   *
   * @param resourceType `undefined`: any
   * @throws DatabaseUnavailable
   */
  async stretch(
    after: number,
    { limit, span, resourceType }: { limit: number; span: number; resourceType: string | undefined },
  ): Promise<FeedStretch> {
    const rows = await this.postgres.query<Row>({
      name: 'state_changes',
      text: selectStretch,
      values: [after, span, resourceType ?? null, limit],
    });
    const changes = rows.flatMap((row) => (row.position === null ? [] : [changeOf(row, row.position)]));
    const [first] = rows;
    if (first === undefined) throw new Error('the feed did not answer');
    const full = changes.length === limit;
    return {
      changes,
      readTo: full ? (changes.at(-1)?.position ?? after) : Number(first.until ?? after),
      atEnd: !full && first.rows < span,
      head: Number(first.head),
    };
  }

  /**
   * Removes changes that have been superseded for `ageSeconds` by one of the next `limit` changes behind `after`.
   *
   * @returns how far it came, and how many it removed; `until` is `undefined` where nothing is old enough
   * @throws DatabaseUnavailable
   */
  async removeSuperseded(
    after: number,
    limit: number,
    ageSeconds: number,
  ): Promise<{ readonly until: number | undefined; readonly removed: number }> {
    const [row] = await this.postgres.query<{ until: string | null; removed: number }>({
      name: 'state_changes_compact',
      text: deleteSuperseded,
      values: [after, limit, ageSeconds],
    });
    return { until: row?.until == null ? undefined : Number(row.until), removed: row?.removed ?? 0 };
  }
}

function changeOf(row: Row, position: string): FeedChange {
  return {
    position: Number(position),
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    version: Number(row.version),
    deleted: row.deleted,
    updatedAt: row.updated_at,
  };
}
