import type { CursorPosition } from '../../database/index.js';

/** A dead letter as the database gives it. */
export interface DeadLetter {
  readonly id: string;
  readonly delivery_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly subscription_id: string;
  readonly reason: string;
  readonly attempt_count: number;
  readonly first_failed_at: Date | null;
  readonly dead_at: Date;
  readonly replayed_at: Date | null;
  /** `dead_at` in microseconds, which a `Date` cannot hold: its place in the list. */
  readonly listed_at: string;
}

/** A dead letter as the admin API shows it (http-api.md "Events"). */
export interface DeadLetterAnswer {
  readonly id: string;
  readonly delivery_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly subscription_id: string;
  readonly reason: string;
  readonly attempt_count: number;
  readonly first_failed_at: string | null;
  readonly dead_at: string;
  readonly replayed_at: string | null;
}

/** What a replay by filter answers. */
export interface ReplayAnswer {
  /** Dead letters that were replayed; with `dry_run`, those that would be. */
  readonly replayed: number;
  /** Only where the time of one request was not enough for all. */
  readonly more_available?: true;
}

/** The JSON of a dead letter. */
export function deadLetterAnswer(letter: DeadLetter): DeadLetterAnswer {
  return {
    id: letter.id,
    delivery_id: letter.delivery_id,
    event_id: letter.event_id,
    event_type: letter.event_type,
    subscription_id: letter.subscription_id,
    reason: letter.reason,
    attempt_count: letter.attempt_count,
    first_failed_at: letter.first_failed_at?.toISOString() ?? null,
    dead_at: letter.dead_at.toISOString(),
    replayed_at: letter.replayed_at?.toISOString() ?? null,
  };
}

/** The place of a dead letter in the list. */
export function positionOf({ listed_at: at, id }: DeadLetter): CursorPosition {
  return { at, id };
}
