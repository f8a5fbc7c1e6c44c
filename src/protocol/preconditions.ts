import { badRequest, type ProblemFault } from './problem.js';

/** An entity tag of a list (RFC 9110 §8.8.3): `tag` with its quotes. */
export interface EntityTag {
  readonly weak: boolean;
  readonly tag: string;
}

/** What `If-Match` or `If-None-Match` holds: any representation, or one of these. */
export type EntityTags = '*' | readonly EntityTag[];

/** The conditions that a request is made under (RFC 9110 §13.1); `undefined`: that one is not. */
export interface Preconditions {
  readonly ifMatch: EntityTags | undefined;
  readonly ifNoneMatch: EntityTags | undefined;
}

const entityTag = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/y;

/** Reads a list of entity tags or `*` (RFC 9110 §13.1.1); `undefined` for what is neither. Linear in its length. */
export function parseEntityTags(field: string): EntityTags | undefined {
  if (field.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  for (let at = 0, separated = true; ;) {
    while (isBlank(field, at) || field.charAt(at) === ',') {
      separated ||= field.charAt(at) === ',';
      at += 1;
    }
    if (at >= field.length) return tags;
    entityTag.lastIndex = at;
    const found = separated ? entityTag.exec(field) : null;
    if (found === null) return undefined;
    tags.push({ weak: found[1] !== undefined, tag: found[2] ?? '' });
    at = entityTag.lastIndex;
    separated = false;
  }
}

function isBlank(field: string, at: number): boolean {
  const code = field.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/**
 * The conditions of a request that changes something, from its header fields as they came.
 *
 * @throws Problem 400 that names the field which is malformed: a condition that cannot be read must not count as none
 */
export function readPreconditions(ifMatch: string | undefined, ifNoneMatch: string | undefined): Preconditions {
  const faults: ProblemFault[] = [];
  const read = (name: string, field: string | undefined): EntityTags | undefined => {
    if (field === undefined) return undefined;
    const tags = parseEntityTags(field);
    if (tags === undefined) faults.push({ pointer: '', detail: `${name} must be * or a list of entity tags` });
    return tags;
  };
  const preconditions = { ifMatch: read('If-Match', ifMatch), ifNoneMatch: read('If-None-Match', ifNoneMatch) };
  if (faults.length > 0) throw badRequest(faults);
  return preconditions;
}

/**
 * Whether a request that changes something may go on (RFC 9110 §13.2.2): `If-Match` by strong comparison, then
 * `If-None-Match` by weak comparison. If not, it is answered 412.
 *
 * @param current the strong tag of what there is now, quotes included; `undefined`: there is nothing
 */
export function preconditionsHold({ ifMatch, ifNoneMatch }: Preconditions, current: string | undefined): boolean {
  const matches = (tags: EntityTags, weakly: boolean): boolean => {
    if (current === undefined) return false;
    return tags === '*' || tags.some(({ weak, tag }) => tag === current && (weakly || !weak));
  };
  if (ifMatch !== undefined && !matches(ifMatch, false)) return false;
  return ifNoneMatch === undefined || !matches(ifNoneMatch, true);
}
