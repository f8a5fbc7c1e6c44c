import type { RequestOrigin } from '../audit/index.js';
import { preconditionFailed, type Preconditions, preconditionsHold, type Problem } from '../protocol/index.js';
import type { ResourceKey } from './resource-key.js';
import type { StateContent } from './state-content.js';
import { ResourceGone, ResourceNotFound, TypeOfAnotherClient } from './sync.errors.js';

/** A write that is asked for. */
export interface StateWrite extends ResourceKey {
  /** Who asks. */
  readonly clientId: string;
  readonly origin: RequestOrigin;
  readonly preconditions: Preconditions;
  /** `null`: the resource is to be deleted. */
  readonly content: StateContent | null;
}

/** A resource as its row says; version 0 is one that this transaction has only reserved. */
export interface StoredResource extends ResourceKey {
  readonly version: number;
  readonly deleted: boolean;
  /** `null` for a tombstone. */
  readonly digest: string | null;
  readonly updatedAt: Date;
}

/** What a write leaves. */
export interface WrittenResource extends StoredResource {
  /** The text of the state; `null` for a tombstone. */
  readonly text: string | null;
}

/** How a write ends. */
export type StateOutcome =
  | { readonly refused: Problem }
  | {
      readonly refused?: undefined;
      readonly version: number;
      readonly updatedAt: Date;
      readonly created: boolean;
      /** What is to be written; `undefined`: the content is what it was. */
      readonly written: WrittenResource | undefined;
    };

/** The strong entity tag of a version: a resource has one content per version. */
export function entityTagOf(version: number | string): string {
  return `"${version}"`;
}

/**
 * Decides on a write.
 *
 * What makes it impossible comes before its preconditions, which only stand in the way of what else would be done
 * (RFC 9110 §13.2.1).
 *
 * @param owner the client that the type belongs to; `undefined`: nobody has written one yet
 * @param current the resource; `undefined`: there is none, and no row for one
 * @param now the time of a change
 */
export function decide(
  write: StateWrite,
  owner: string | undefined,
  current: StoredResource | undefined,
  now: Date,
): StateOutcome {
  if (owner !== undefined && owner !== write.clientId) return { refused: new TypeOfAnotherClient() };
  const existing = current === undefined || current.deleted ? undefined : current;
  if (write.content === null && existing === undefined) {
    return { refused: (current?.version ?? 0) === 0 ? new ResourceNotFound() : new ResourceGone() };
  }
  const tag = existing === undefined ? undefined : entityTagOf(existing.version);
  if (!preconditionsHold(write.preconditions, tag)) return { refused: preconditionFailed() };
  if (existing !== undefined && existing.digest === write.content?.digest) {
    const { version, updatedAt } = existing;
    return { version, updatedAt, created: false, written: undefined };
  }
  const version = (current?.version ?? 0) + 1;
  // Times of one resource never run backwards, whatever the clock does.
  const updatedAt = current !== undefined && current.updatedAt > now ? current.updatedAt : now;
  const written: WrittenResource = {
    resourceType: write.resourceType,
    resourceId: write.resourceId,
    version,
    deleted: write.content === null,
    digest: write.content?.digest ?? null,
    text: write.content?.text ?? null,
    updatedAt,
  };
  return { version, updatedAt, created: existing === undefined, written };
}
