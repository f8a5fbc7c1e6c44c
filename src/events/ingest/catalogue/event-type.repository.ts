import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CursorPosition } from '../../../database/index.js';
import { EventTypeEntity } from '../../records/index.js';
import type { EventType, JsonSchema, ListedEventType } from './event-type.js';

const preciseCreatedAt = `to_char(event_type.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** What can be chosen of a type. */
export type EventTypeSettings = Pick<EventType, 'description' | 'schema'>;

/** The queries of the admin API on `event_types`. */
@Injectable()
export class EventTypeRepository {
  /** Types after `after`, newest first. */
  async list(manager: EntityManager, limit: number, after: CursorPosition | undefined): Promise<ListedEventType[]> {
    const query = manager
      .createQueryBuilder(EventTypeEntity, 'event_type')
      .addSelect(preciseCreatedAt, 'listed_at')
      .orderBy('event_type.createdAt', 'DESC')
      .addOrderBy('event_type.type', 'DESC')
      .limit(limit);
    if (after !== undefined) {
      query.where('(event_type.created_at, event_type.type) < (CAST(:at AS timestamptz), :type)', {
        at: after.at,
        type: after.id,
      });
    }
    const { entities, raw } = await query.getRawAndEntities<{ listed_at: string }>();
    return entities.map((entity, index) => ({ ...toEventType(entity), listedAt: raw[index]?.listed_at ?? '' }));
  }

  async find(manager: EntityManager, type: string): Promise<EventType | undefined> {
    const entity = await manager.findOneBy(EventTypeEntity, { type });
    return entity === null ? undefined : toEventType(entity);
  }

  /** The type, locked against every other write until the transaction ends. */
  async lock(tx: EntityManager, type: string): Promise<EventType | undefined> {
    const entity = await tx.findOne(EventTypeEntity, { where: { type }, lock: { mode: 'pessimistic_write' } });
    return entity === null ? undefined : toEventType(entity);
  }

  /** @throws QueryFailedError a violation of `event_types_pkey` if the catalogue has the type */
  async insert(tx: EntityManager, type: string, { description, schema }: EventTypeSettings): Promise<EventType> {
    await tx.insert(EventTypeEntity, { type, description, schema: textOf(schema) });
    return toEventType(await tx.findOneByOrFail(EventTypeEntity, { type }));
  }

  /** Writes new settings, raises the version, and gives the type as it is now. */
  async update(tx: EntityManager, type: string, { description, schema }: EventTypeSettings): Promise<EventType> {
    const written = { version: () => 'version + 1', updatedAt: () => 'statement_timestamp()' };
    await tx.update(EventTypeEntity, { type }, { ...written, description, schema: textOf(schema) });
    return toEventType(await tx.findOneByOrFail(EventTypeEntity, { type }));
  }

  async delete(tx: EntityManager, type: string): Promise<void> {
    await tx.delete(EventTypeEntity, { type });
  }
}

function textOf(schema: JsonSchema | null): string | null {
  return schema === null ? null : JSON.stringify(schema);
}

function toEventType({ type, description, schema, createdAt, updatedAt }: EventTypeEntity): EventType {
  const parsed = schema === null ? null : (JSON.parse(schema) as JsonSchema);
  return { type, description, schema: parsed, createdAt, updatedAt };
}
