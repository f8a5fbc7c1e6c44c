import type { CursorPosition } from '../../database/index.js';
import type { ShownStatus } from './delivery-filter.js';
import type { FoundAttempt, FoundDelivery } from './delivery.repository.js';

/** A delivery as the admin API shows it. */
export interface DeliveryAnswer {
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly subscription_id: string;
  readonly status: ShownStatus;
  /** Attempts ever made, those before a replay included. */
  readonly attempt_count: number;
  /** `null` once it is finished. */
  readonly next_attempt_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** One try to deliver. */
export interface AttemptAnswer {
  readonly at: string;
  /** `null`: there was no answer. */
  readonly status_code: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
  readonly response_excerpt: string | null;
}

/** A delivery with its attempts. */
export interface DeliveryDetailAnswer extends DeliveryAnswer {
  readonly attempts: readonly AttemptAnswer[];
}

export function deliveryAnswer(delivery: FoundDelivery): DeliveryAnswer {
  return {
    id: delivery.id,
    event_id: delivery.event_id,
    event_type: delivery.event_type,
    subscription_id: delivery.subscription_id,
    status: delivery.status,
    attempt_count: delivery.attempt_count,
    next_attempt_at: delivery.next_attempt_at?.toISOString() ?? null,
    created_at: delivery.created_at.toISOString(),
    updated_at: delivery.updated_at.toISOString(),
  };
}

export function attemptAnswer(attempt: FoundAttempt): AttemptAnswer {
  return {
    at: attempt.at.toISOString(),
    status_code: attempt.status_code,
    error: attempt.error,
    duration_ms: attempt.duration_ms,
    response_excerpt: attempt.response_excerpt,
  };
}

/** The place of a delivery in the list. */
export function positionOf({ place: at, id }: FoundDelivery): CursorPosition {
  return { at, id };
}
