import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CursorPosition } from '../../database/index.js';
import type { Lane, LaneWork } from '../records/index.js';
import type { DeadLetter } from './dead-letter.js';
import type { DeadLetterFilter } from './dead-letter-filter.js';

const precise = (time: string): string => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const columns = `l.id, l.delivery_id, l.event_id, l.event_type, l.subscription_id, l.reason, l.attempt_count, l.first_failed_at,
  l.dead_at, l.replayed_at, ${precise('l.dead_at')} AS listed_at`;

/**
 * Back to where a delivery begins; its schedule counts from the attempts that were made, and its event, and so its `webhook-id`,
 * stays the same.
 */
const revival = `status = 'pending', attempts_before = d.attempt_count, due_at = statement_timestamp(),
  next_attempt_at = statement_timestamp(), lease_token = NULL, finished_at = NULL, updated_at = statement_timestamp()`;

const replayOne = `
  WITH letter AS (
    UPDATE dead_letters SET replayed_at = statement_timestamp() WHERE id = $1 AND replayed_at IS NULL RETURNING *
  ), revived AS (
    UPDATE deliveries d SET ${revival} FROM letter WHERE d.id = letter.delivery_id AND d.status = 'dead' RETURNING d.id, d.lane
  )
  SELECT ${columns}, r.lane FROM letter l JOIN revived r ON r.id = l.delivery_id`;

const deleteOne = `
  WITH l AS (DELETE FROM dead_letters WHERE id = $1 AND replayed_at IS NULL RETURNING *)
  SELECT ${columns} FROM l`;

/** The oldest first; what another request replays or deletes at this moment is left to that. */
const replayBatch = (conditions: string, limit: string): string => `
  WITH chosen AS MATERIALIZED (
    SELECT l.id, l.delivery_id, l.dead_at FROM dead_letters l
    WHERE ${conditions}
    ORDER BY l.dead_at, l.id LIMIT ${limit} FOR UPDATE SKIP LOCKED
  ), closed AS (
    UPDATE dead_letters l SET replayed_at = statement_timestamp() FROM chosen c WHERE l.id = c.id
  ), revived AS (
    UPDATE deliveries d SET ${revival} FROM chosen c WHERE d.id = c.delivery_id AND d.status = 'dead'
    RETURNING d.subscription_id, d.lane
  )
  SELECT (SELECT count(*) FROM chosen)::int4 AS seen, (SELECT count(*) FROM revived)::int4 AS replayed,
    (SELECT jsonb_build_object('at', ${precise('dead_at')}, 'id', id) FROM chosen ORDER BY dead_at DESC, id DESC LIMIT 1) AS last,
    coalesce((SELECT jsonb_agg(DISTINCT jsonb_build_object('subscriptionId', subscription_id, 'lane', lane)) FROM revived), '[]')
      AS work`;

/** What one step of a replay by filter did. */
export interface ReplayedBatch {
  /** Dead letters that were looked at; fewer than asked for: there are no more. */
  readonly seen: number;
  readonly replayed: number;
  /** The place of the last one. */
  readonly last: CursorPosition | null;
  /** The lanes that have become due. */
  readonly work: readonly LaneWork[];
}

/** Where a replay by filter goes on, and where it ends: both by the time of death. */
export interface ReplayRange {
  readonly after: CursorPosition | undefined;
  readonly until: string;
}

/** The queries on `dead_letters`. Dead letters that were replayed stay as rows, and are shown to nobody. */
@Injectable()
export class DeadLetterRepository {
  /** Dead letters after `after`, newest first. */
  async list(
    manager: EntityManager,
    filter: DeadLetterFilter,
    limit: number,
    after: CursorPosition | undefined,
  ): Promise<DeadLetter[]> {
    const query = new Conditions(filter);
    if (after !== undefined) {
      query.add(`(l.dead_at, l.id) < (${query.value(after.at)}::timestamptz, ${query.value(after.id)}::uuid)`);
    }
    const most = query.value(limit);
    return manager.query<DeadLetter[]>(
      `SELECT ${columns} FROM dead_letters l WHERE ${query.text} ORDER BY l.dead_at DESC, l.id DESC LIMIT ${most}`,
      query.values,
    );
  }

  /** The subscription of a dead letter that was neither replayed nor deleted. */
  async subscriptionOf(tx: EntityManager, id: string): Promise<string | undefined> {
    const [row] = await tx.query<{ subscription_id: string }[]>(
      'SELECT subscription_id FROM dead_letters WHERE id = $1 AND replayed_at IS NULL',
      [id],
    );
    return row?.subscription_id;
  }

  /** Whether the subscription is there; it cannot be deleted before the transaction ends. */
  async holdSubscription(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await tx.query<unknown[]>(
      'SELECT 1 FROM subscriptions WHERE id = $1 AND deleted_at IS NULL FOR SHARE',
      [id],
    );
    return rows.length > 0;
  }

  /** As {@link holdSubscription}, for every subscription with dead letters that the filter lets through. */
  async holdSubscriptions(tx: EntityManager, { subscriptionId }: DeadLetterFilter): Promise<string[]> {
    const rows = await tx.query<{ id: string }[]>(
      `SELECT s.id FROM subscriptions s
       WHERE s.deleted_at IS NULL AND ($1::uuid IS NULL OR s.id = $1)
         AND EXISTS (SELECT 1 FROM dead_letters l WHERE l.subscription_id = s.id AND l.replayed_at IS NULL)
       ORDER BY s.id FOR SHARE`,
      [subscriptionId ?? null],
    );
    return rows.map(({ id }) => id);
  }

  /** Makes the delivery of a dead letter due again; `undefined` if somebody else was sooner. */
  async replay(tx: EntityManager, id: string): Promise<(DeadLetter & { readonly lane: Lane }) | undefined> {
    const [row] = await tx.query<(DeadLetter & { readonly lane: Lane })[]>(replayOne, [id]);
    return row;
  }

  /** Does the same for up to `limit` dead letters of these subscriptions, in one statement. */
  async replayBatch(
    tx: EntityManager,
    filter: DeadLetterFilter,
    subscriptions: readonly string[],
    { after, until }: ReplayRange,
    limit: number,
  ): Promise<ReplayedBatch> {
    const query = new Conditions(filter);
    query.add(`l.subscription_id = ANY (${query.value(subscriptions)}::uuid[])`);
    query.add(`l.dead_at <= ${query.value(until)}::timestamptz`);
    if (after !== undefined) {
      query.add(`(l.dead_at, l.id) > (${query.value(after.at)}::timestamptz, ${query.value(after.id)}::uuid)`);
    }
    const text = replayBatch(query.text, query.value(limit));
    const [batch] = await tx.query<ReplayedBatch[]>(text, query.values);
    if (batch === undefined) throw new Error('the batch was not counted');
    return batch;
  }

  /** How many {@link replayBatch} would find in all. */
  async countReplayable(manager: EntityManager, filter: DeadLetterFilter): Promise<number> {
    const query = new Conditions(filter);
    const [row] = await manager.query<{ found: number }[]>(
      `SELECT count(*)::int4 AS found FROM dead_letters l
       JOIN subscriptions s ON s.id = l.subscription_id AND s.deleted_at IS NULL WHERE ${query.text}`,
      query.values,
    );
    return row?.found ?? 0;
  }

  /** Removes a dead letter; its delivery stays dead. `undefined` if there is none, or somebody else was sooner. */
  async delete(tx: EntityManager, id: string): Promise<DeadLetter | undefined> {
    const [row] = await tx.query<DeadLetter[]>(deleteOne, [id]);
    return row;
  }

  /** The time of the database, in microseconds. */
  async now(manager: EntityManager): Promise<string> {
    const [row] = await manager.query<{ now: string }[]>(`SELECT ${precise('statement_timestamp()')} AS now`);
    if (row === undefined) throw new Error('the database has no time');
    return row.now;
  }
}

/** The conditions that a filter stands for; what is not filtered is not in the text, where it would cost an index. */
class Conditions {
  readonly values: unknown[] = [];
  private readonly conditions = ['l.replayed_at IS NULL'];

  constructor({ subscriptionId, eventType, from, to }: DeadLetterFilter) {
    if (subscriptionId !== undefined) this.add(`l.subscription_id = ${this.value(subscriptionId)}::uuid`);
    if (eventType !== undefined) this.add(`l.event_type = ${this.value(eventType)}`);
    if (from !== undefined) this.add(`l.dead_at >= ${this.value(from)}::timestamptz`);
    if (to !== undefined) this.add(`l.dead_at < ${this.value(to)}::timestamptz`);
  }

  get text(): string {
    return this.conditions.join(' AND ');
  }

  /** The place of a value. */
  value(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  add(condition: string): void {
    this.conditions.push(condition);
  }
}
