import { type CursorPosition, decodeCursor, encodeCursor } from '../database/index.js';
import { badRequest } from '../protocol/index.js';

/** The query of a request as Fastify parses it: flat, a repeated parameter as an array. */
export type Query = Readonly<Record<string, unknown>>;

/** How much of a list is asked for, and from where on. */
export interface ListQuery {
  /** 1–200, 50 unless given. */
  readonly limit: number;
  /** Still sealed; `openCursor` opens it. */
  readonly cursor: string | undefined;
}

/** One page of a list: `{"items":[…],"next_cursor":"…"|null}`. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/** What seals the cursors of one list: the MAC key, and the name of the list with everything that filters it. */
export interface CursorSeal {
  /** 32 bytes. */
  readonly key: Buffer;
  readonly binding: readonly string[];
}

/** How many items a page holds: unless asked otherwise, and at most (http-api.md "Conventions"). */
export const listLimits = { default: 50, max: 200 } as const;

/**
 * Reads `limit` and `cursor` of a list (http-api.md "Conventions").
 *
 * @throws Problem 400 with the pointer `/limit` or `/cursor`
 */
export function readListQuery(query: Query): ListQuery {
  const limit = queryParameter(query, 'limit');
  if (limit !== undefined && !(/^[1-9][0-9]{0,2}$/.test(limit) && Number(limit) <= listLimits.max)) {
    throw badRequest([{ pointer: '/limit', detail: `must be an integer from 1 to ${listLimits.max}` }]);
  }
  return { limit: limit === undefined ? listLimits.default : Number(limit), cursor: queryParameter(query, 'cursor') };
}

/**
 * The one value of a query parameter, empty included; `undefined` if it is absent.
 *
 * @throws Problem 400 if it is repeated, or holds a NUL, which no text of PostgreSQL can
 */
export function queryParameter(query: Query, name: string): string | undefined {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw badRequest([{ pointer: `/${name}`, detail: 'must not be repeated' }]);
  if (value.includes('\0')) throw badRequest([{ pointer: `/${name}`, detail: 'must not hold a NUL' }]);
  return value;
}

/**
 * The place in the list that a cursor stands for.
 *
 * @throws Problem 400 if it was altered, or made for another list or filter
 */
export function openCursor(seal: CursorSeal, cursor: string | undefined): CursorPosition | undefined {
  if (cursor === undefined) return undefined;
  const position = decodeCursor(seal.key, seal.binding, cursor);
  if (position === undefined) {
    throw badRequest([{ pointer: '/cursor', detail: 'was not given out for this list and filter' }]);
  }
  return position;
}

/**
 * The page of `found`, which holds one item more than `limit` where the list goes on.
 *
 * @param positionOf the place of an item in the list
 * @param present how an item looks in JSON
 */
export function pageOf<Item, Shown>(
  found: readonly Item[],
  limit: number,
  seal: CursorSeal,
  positionOf: (item: Item) => CursorPosition,
  present: (item: Item) => Shown,
): Page<Shown> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const goesOn = found.length > limit && last !== undefined;
  return {
    items: items.map(present),
    next_cursor: goesOn ? encodeCursor(seal.key, seal.binding, positionOf(last)) : null,
  };
}
