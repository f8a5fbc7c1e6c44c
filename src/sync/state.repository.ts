import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../database/index.js';
import type { ResourceKey } from './resource-key.js';
import type { StoredResource, WrittenResource } from './state-write.js';

/** A resource as it is read. */
export interface ReadResource {
  /** A `bigint` as text. */
  readonly version: string;
  readonly updatedAt: Date;
  /** The JSON text; `null` for a tombstone. */
  readonly state: string | null;
}

/** Who takes a type. */
export interface TypeClaim {
  readonly resourceType: string;
  readonly clientId: string;
}

/** In one order everywhere, so that nobody waits in a circle. */
const insertClaims = `
  INSERT INTO state_types (resource_type, client_id)
  SELECT resource_type, client_id FROM unnest($1::text[], $2::text[]) AS c (resource_type, client_id)
  ORDER BY resource_type COLLATE "C"
  ON CONFLICT DO NOTHING
  RETURNING resource_type`;

const insertPlaces = `
  INSERT INTO state_resources (resource_type, resource_id, version, deleted, updated_at)
  SELECT resource_type, resource_id, 0, true, statement_timestamp()
  FROM unnest($1::text[], $2::text[]) AS k (resource_type, resource_id)
  ORDER BY resource_type COLLATE "C", resource_id COLLATE "C"
  ON CONFLICT DO NOTHING`;

const lockResources = `
  SELECT r.resource_type, r.resource_id, r.version::text AS version, r.deleted, encode(r.digest, 'hex') AS digest,
    r.updated_at, date_trunc('milliseconds', clock_timestamp()) AS now
  FROM unnest($1::text[], $2::text[]) AS k (resource_type, resource_id)
  JOIN state_resources r ON r.resource_type = k.resource_type AND r.resource_id = k.resource_id
  ORDER BY r.resource_type, r.resource_id
  FOR UPDATE OF r`;

const updateResources = `
  UPDATE state_resources r
  SET version = w.version, state = w.state, digest = decode(w.digest, 'hex'), deleted = w.state IS NULL,
    updated_at = w.updated_at
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
    AS w (resource_type, resource_id, version, state, digest, updated_at)
  WHERE r.resource_type = w.resource_type AND r.resource_id = w.resource_id`;

/**
 * Draws positions under the lock of the feed, which is held until the commit. A process that stops between the two would keep
 * everybody from writing: its transaction ends.
 */
const appendChanges = `
  WITH feed AS (
    UPDATE state_feed SET position = position + cardinality($1::text[]) WHERE id RETURNING position
  ), appended AS (
    INSERT INTO state_changes (position, resource_type, resource_id, version, deleted, updated_at)
    SELECT feed.position - cardinality($1::text[]) + c.n, c.resource_type, c.resource_id, c.version, c.deleted, c.updated_at
    FROM feed, unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::timestamptz[]) WITH ORDINALITY
      AS c (resource_type, resource_id, version, deleted, updated_at, n)
  )
  SELECT position::text AS position, set_config('idle_in_transaction_session_timeout', '5000', true) FROM feed`;

const selectResource = `
  SELECT version::text AS version, updated_at AS "updatedAt", state FROM state_resources
  WHERE resource_type = $1 AND resource_id = $2`;

/** The only queries on `state_types` and `state_resources`, and all that write `state_feed` and `state_changes`. */
@Injectable()
export class StateRepository {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  /** @throws DatabaseUnavailable */
  async find({ resourceType, resourceId }: ResourceKey): Promise<ReadResource | undefined> {
    const values = [resourceType, resourceId];
    const [row] = await this.postgres.query<ReadResource>({ name: 'state_resource', text: selectResource, values });
    return row;
  }

  /** The owners of those of the types that have one. */
  async owners(tx: EntityManager, types: readonly string[]): Promise<Map<string, string>> {
    const rows = await tx.query<{ resource_type: string; client_id: string }[]>(
      'SELECT resource_type, client_id FROM state_types WHERE resource_type = ANY ($1::text[])',
      [types],
    );
    return new Map(rows.map(({ resource_type, client_id }) => [resource_type, client_id]));
  }

  /**
   * Gives each type to its claimant, unless somebody else is first; waits for whoever is about to be.
   *
   * @returns the types that were given
   */
  async claim(tx: EntityManager, claims: readonly TypeClaim[]): Promise<string[]> {
    const rows = await tx.query<{ resource_type: string }[]>(insertClaims, [
      claims.map(({ resourceType }) => resourceType),
      claims.map(({ clientId }) => clientId),
    ]);
    return rows.map(({ resource_type }) => resource_type);
  }

  /**
   * Sees to it that each of the resources has a row, if only one of version 0, which this transaction has to overwrite. From
   * then on nobody else can create it.
   */
  async reserve(tx: EntityManager, keys: readonly ResourceKey[]): Promise<void> {
    if (keys.length > 0) await tx.query(insertPlaces, columnsOf(keys));
  }

  /**
   * Locks the resources that there are until the transaction ends.
   *
   * @param keys none twice
   * @returns them, and the time by the clock of the database in milliseconds
   */
  async lock(tx: EntityManager, keys: readonly ResourceKey[]): Promise<{ resources: StoredResource[]; now: Date }> {
    const rows = await tx.query<
      {
        resource_type: string;
        resource_id: string;
        version: string;
        deleted: boolean;
        digest: string | null;
        updated_at: Date;
        now: Date;
      }[]
    >(lockResources, columnsOf(keys));
    const resources = rows.map((row) => ({
      resourceType: row.resource_type,
      resourceId: row.resource_id,
      version: Number(row.version),
      deleted: row.deleted,
      digest: row.digest,
      updatedAt: row.updated_at,
    }));
    return { resources, now: rows.at(-1)?.now ?? new Date(0) };
  }

  /** Overwrites resources that are locked. */
  async update(tx: EntityManager, resources: readonly WrittenResource[]): Promise<void> {
    await tx.query(updateResources, [
      ...columnsOf(resources),
      resources.map(({ version }) => version),
      resources.map(({ text }) => text),
      resources.map(({ digest }) => digest),
      resources.map(({ updatedAt }) => updatedAt),
    ]);
  }

  /**
   * Appends changes to the feed, in their order. To be called last before the commit: whoever comes later waits until then, so
   * that the order of positions is that of commits.
   *
   * @returns the position of the last one
   */
  async append(tx: EntityManager, changes: readonly StoredResource[]): Promise<number> {
    const [row] = await tx.query<{ position: string }[]>(appendChanges, [
      ...columnsOf(changes),
      changes.map(({ version }) => version),
      changes.map(({ deleted }) => deleted),
      changes.map(({ updatedAt }) => updatedAt),
    ]);
    if (row === undefined) throw new Error('state_feed has no row');
    return Number(row.position);
  }
}

function columnsOf(keys: readonly ResourceKey[]): [string[], string[]] {
  return [keys.map(({ resourceType }) => resourceType), keys.map(({ resourceId }) => resourceId)];
}
