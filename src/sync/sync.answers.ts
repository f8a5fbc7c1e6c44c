import type { FeedChange } from './change-feed.repository.js';
import type { ResourceKey } from './resource-key.js';
import type { ReadResource } from './state.repository.js';

/** What a write answers. */
export interface WriteAnswer {
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: number;
  /** Whether the content is another one than before. */
  readonly changed: boolean;
  readonly updated_at: string;
}

/** A resource as it is read. */
export interface ResourceAnswer {
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: number;
  readonly updated_at: string;
  readonly state: Readonly<Record<string, unknown>>;
}

/** A change as the feed tells it. */
export interface ChangeAnswer {
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly updated_at: string;
}

/** A page of the feed. */
export interface ChangesAnswer {
  readonly items: readonly ChangeAnswer[];
  readonly next_cursor: string;
}

/** The JSON text of a {@link ResourceAnswer}, its state as it was sent: no number in it loses a digit. */
export function resourceText(
  { resourceType, resourceId }: ResourceKey,
  { version, updatedAt, state }: ReadResource,
): string {
  const members = {
    resource_type: resourceType,
    resource_id: resourceId,
    version: Number(version),
    updated_at: updatedAt.toISOString(),
  };
  return `${JSON.stringify(members).slice(0, -1)},"state":${state ?? 'null'}}`;
}

/** The JSON of a change. */
export function changeAnswer({ resourceType, resourceId, version, deleted, updatedAt }: FeedChange): ChangeAnswer {
  return {
    resource_type: resourceType,
    resource_id: resourceId,
    version,
    deleted,
    updated_at: updatedAt.toISOString(),
  };
}
