import { decodeCursor, encodeCursor } from '../database/index.js';
import { type Query, queryParameter, readListQuery } from '../http/index.js';
import { badRequest } from '../protocol/index.js';
import { resourceTypeFault } from './resource-key.js';

/** What of the feed is asked for. */
export interface ChangesQuery {
  /** Position behind which to begin; 0: the beginning. */
  readonly since: number;
  readonly limit: number;
  /** Longest wait for a first change, in seconds. */
  readonly waitSeconds: number;
  readonly resourceType: string | undefined;
}

/** Longest wait that may be asked for, in seconds. */
export const maxWaitSeconds = 30;

/**
 * Reads the query of the feed (http-api.md "State sync and caches").
 *
 * @param key MAC key of cursors, 32 bytes
 * @throws Problem 400 with the pointer of the parameter
 */
export function readChangesQuery(query: Query, key: Buffer): ChangesQuery {
  const { limit } = readListQuery(query);
  const resourceType = queryParameter(query, 'resource_type');
  const fault = resourceType === undefined ? undefined : resourceTypeFault(resourceType);
  if (fault !== undefined) throw bad('resource_type', fault);
  const wait = queryParameter(query, 'wait_seconds') ?? '0';
  if (!/^[0-9]{1,2}$/.test(wait) || Number(wait) > maxWaitSeconds) {
    throw bad('wait_seconds', `must be an integer from 0 to ${maxWaitSeconds}`);
  }
  const since = openFeedCursor(key, resourceType, queryParameter(query, 'since'));
  return { since, limit, waitSeconds: Number(wait), resourceType };
}

/** The cursor that goes on behind `position`, for the same filter. */
export function feedCursor(key: Buffer, resourceType: string | undefined, position: number): string {
  return encodeCursor(key, bindingOf(resourceType), { at: '', id: String(position) });
}

/** 400: a cursor of something else, altered, or from a database that is no more. */
export function cursorRefused(): Error {
  return bad('since', 'was not given out for this feed and filter');
}

function openFeedCursor(key: Buffer, resourceType: string | undefined, cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const position = decodeCursor(key, bindingOf(resourceType), cursor);
  if (position === undefined) throw cursorRefused();
  return Number(position.id);
}

function bindingOf(resourceType: string | undefined): readonly string[] {
  return resourceType === undefined ? ['state-changes'] : ['state-changes', resourceType];
}

function bad(name: string, detail: string): Error {
  return badRequest([{ pointer: `/${name}`, detail }]);
}
