import { type Query, queryParameter } from '../http/index.js';
import { badRequest } from '../protocol/index.js';

/** Which entries are asked for; what is `undefined` does not matter. */
export interface AuditLogFilter {
  /** Who acted, or the client that it was about. */
  readonly clientId: string | undefined;
  readonly action: string | undefined;
  readonly success: boolean | undefined;
  /** Included; RFC 3339 in UTC. */
  readonly from: string | undefined;
  /** Not included. */
  readonly to: string | undefined;
}

const maxClientIdLength = 256;
const action = /^[a-z0-9_]{1,50}(\.[a-z0-9_]{1,50}){0,3}$/;

/** RFC 3339 §5.6, with at most nine digits of a second. */
const time = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** A log of this server holds nothing from before or after; 1970 is how programs say since ever. */
const years = { first: 1970, last: 2199 } as const;

/**
 * Reads the filters of the audit log (http-api.md "Admin").
 *
 * @throws Problem 400 with the pointers of the bad ones
 */
export function readAuditLogFilter(query: Query): AuditLogFilter {
  const clientId = queryParameter(query, 'client_id');
  if (clientId !== undefined && (clientId === '' || clientId.length > maxClientIdLength)) {
    throw bad('client_id', `must be 1 to ${maxClientIdLength} characters`);
  }
  const wanted = queryParameter(query, 'action');
  if (wanted !== undefined && !action.test(wanted)) throw bad('action', 'must be the name of an action');
  const from = timeParameter(query, 'from');
  const to = timeParameter(query, 'to');
  if (from !== undefined && to !== undefined && from > to) throw bad('from', 'must not be later than to');
  return { clientId, action: wanted, success: booleanParameter(query, 'success'), from, to };
}

/** The filter as the log itself tells of it: under the names of the parameters. */
export function filterDetails({ clientId, action: wanted, success, from, to }: AuditLogFilter): object {
  return { client_id: clientId, action: wanted, success, from, to };
}

/** What binds a cursor to its filter. */
export function filterKey({ clientId, action: wanted, success, from, to }: AuditLogFilter): string {
  return JSON.stringify([clientId ?? null, wanted ?? null, success ?? null, from ?? null, to ?? null]);
}

/**
 * A parameter that is `true` or `false`.
 *
 * @throws Problem 400 for anything else
 */
export function booleanParameter(query: Query, name: string): boolean | undefined {
  const value = queryParameter(query, name);
  if (value === undefined) return undefined;
  if (value !== 'true' && value !== 'false') throw bad(name, 'must be true or false');
  return value === 'true';
}

function timeParameter(query: Query, name: string): string | undefined {
  const value = queryParameter(query, name);
  if (value === undefined) return undefined;
  const at = time.test(value) && isRealDay(value) ? new Date(value.toUpperCase()) : new Date(Number.NaN);
  const year = at.getUTCFullYear();
  if (!(year >= years.first && year <= years.last)) {
    throw bad(name, `must be a time of RFC 3339 from ${years.first} to ${years.last}`);
  }
  return at.toISOString();
}

/** `Date` would take the 31st of February for the 2nd or 3rd of March. */
function isRealDay(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function bad(name: string, detail: string): Error {
  return badRequest([{ pointer: `/${name}`, detail }]);
}
