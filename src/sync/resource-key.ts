import { badRequest, type ProblemFault } from '../protocol/index.js';

/** What names a resource. */
export interface ResourceKey {
  readonly resourceType: string;
  /** Unique within the type. */
  readonly resourceId: string;
}

/** A type of resource: it tells upper case from lower case. */
export const resourceTypePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** `GET /sync/changes` is no resource, and nothing below it shall look like one. */
const reservedType = 'changes';

/** Most characters of an identifier, by code points. */
export const maxResourceIdLength = 256;

/** With the `u` flag a pair of surrogates is one character. */
const anyResourceId = new RegExp(`^.{1,${maxResourceIdLength}}$`, 'su');

/** Control characters, line and paragraph separators, halves of surrogate pairs. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

/**
 * The resource that a path names, percent-decoded.
 *
 * @throws Problem 400 with the pointers `/resource_type` and `/resource_id`
 */
export function readResourceKey(resourceType: string, resourceId: string): ResourceKey {
  const faults: ProblemFault[] = [];
  const typeFault = resourceTypeFault(resourceType);
  if (typeFault !== undefined) faults.push({ pointer: '/resource_type', detail: typeFault });
  const idFault = resourceIdFault(resourceId);
  if (idFault !== undefined) faults.push({ pointer: '/resource_id', detail: idFault });
  if (faults.length > 0) throw badRequest(faults);
  return { resourceType, resourceId };
}

/** What is wrong with the name of a type. */
export function resourceTypeFault(resourceType: string): string | undefined {
  if (!resourceTypePattern.test(resourceType)) {
    return 'must be 1 to 64 of letters, digits, dot, underscore and hyphen, and begin with a letter or digit';
  }
  return resourceType === reservedType ? 'must not be the name of the feed' : undefined;
}

function resourceIdFault(resourceId: string): string | undefined {
  if (unprintable.test(resourceId)) return 'must be printable';
  // Clients remove such segments from a URL before they send it.
  if (resourceId === '.' || resourceId === '..') return 'must not be a step in a path';
  return anyResourceId.test(resourceId) ? undefined : `must have 1 to ${maxResourceIdLength} characters`;
}
