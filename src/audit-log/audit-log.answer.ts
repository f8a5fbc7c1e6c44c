import type { StoredEntry } from '../audit/index.js';
import type { CursorPosition } from '../database/index.js';

/** An entry as the admin API shows it. */
export interface AuditEntryAnswer {
  readonly id: string;
  readonly occurred_at: string;
  readonly action: string;
  readonly success: boolean;
  readonly actor_client_id: string | null;
  readonly target_type: string | null;
  readonly target_id: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly details: unknown;
  readonly error: string | null;
}

/** The entry, its time to the millisecond. */
export function auditEntryAnswer(entry: StoredEntry): AuditEntryAnswer {
  return {
    id: entry.id,
    occurred_at: `${entry.occurred_at.slice(0, 23)}Z`,
    action: entry.action,
    success: entry.success,
    actor_client_id: entry.actor_client_id,
    target_type: entry.target_type,
    target_id: entry.target_id,
    ip_address: entry.ip_address,
    user_agent: entry.user_agent,
    request_id: entry.request_id,
    details: entry.details,
    error: entry.error,
  };
}

/** The place of an entry in the list. */
export function positionOf({ occurred_at: at, id }: StoredEntry): CursorPosition {
  return { at, id };
}
