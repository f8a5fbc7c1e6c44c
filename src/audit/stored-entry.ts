/** An entry as it is stored: the members of the admin API, and the batch of issued tokens that it belongs to. */
export interface StoredEntry {
  readonly id: string;
  /** RFC 3339 in UTC with six digits of a second. */
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

const members = [
  'id',
  'action',
  'success',
  'actor_client_id',
  'target_type',
  'target_id',
  'user_agent',
  'request_id',
  'details',
  'error',
] as const;

/** The columns of an entry of `audit_log` for a SELECT or RETURNING list, as {@link StoredEntry} has them. */
export function entryColumns(table: string): string {
  return [
    ...members.map((member) => `${table}.${member}`),
    `to_char(${table}.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at`,
    `host(${table}.ip_address) AS ip_address`,
  ].join(', ');
}

/** The entry in a row that holds other columns too. */
export function entryOf(row: StoredEntry): StoredEntry {
  return {
    id: row.id,
    occurred_at: row.occurred_at,
    action: row.action,
    success: row.success,
    actor_client_id: row.actor_client_id,
    target_type: row.target_type,
    target_id: row.target_id,
    ip_address: row.ip_address,
    user_agent: row.user_agent,
    request_id: row.request_id,
    details: row.details,
    error: row.error,
  };
}
