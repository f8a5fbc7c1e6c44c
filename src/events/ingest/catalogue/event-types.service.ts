import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../../access/index.js';
import { Audit, type AuditAction } from '../../../audit/index.js';
import { inTransaction, isUniqueViolation } from '../../../database/index.js';
import { DerivedKeys } from '../../../encryption/index.js';
import { type CursorSeal, openCursor, type Page, pageOf, type Query, readListQuery } from '../../../http/index.js';
import { applyMergePatch, badRequest, isReservedEventType } from '../../../protocol/index.js';
import { compileEventSchema, maxSchemaBytes, SchemaFault } from './event-schema.js';
import {
  type EventType,
  type EventTypeAnswer,
  eventTypeAnswer,
  isListableType,
  type JsonSchema,
} from './event-type.js';
import { EventTypeRepository, type EventTypeSettings } from './event-type.repository.js';
import type { CreateEventTypeBody, UpdateEventTypeBody } from './event-types.dto.js';
import { EventTypeNotFound, EventTypeRefused, EventTypeTaken } from './event-types.errors.js';

const defaults: EventTypeSettings = { description: '', schema: null };

/** The use cases of the catalogue of event types. */
@Injectable()
export class EventTypes {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(EventTypeRepository) private readonly types: EventTypeRepository,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /** @throws Problem 400 for a bad `limit` or `cursor` */
  async list(query: Query): Promise<Page<EventTypeAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const seal: CursorSeal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['event_types'] };
    const found = await this.types.list(this.dataSource.manager, limit + 1, openCursor(seal, cursor));
    return pageOf(found, limit, seal, ({ listedAt, type }) => ({ at: listedAt, id: type }), eventTypeAnswer);
  }

  /** @throws EventTypeNotFound */
  async get(type: string): Promise<EventType> {
    const found = isListableType(type) ? await this.types.find(this.dataSource.manager, type) : undefined;
    if (found === undefined) throw new EventTypeNotFound();
    return found;
  }

  /** @throws EventTypeRefused, EventTypeTaken, Problem 400 for a schema that is none */
  async create(caller: Caller, body: CreateEventTypeBody): Promise<EventType> {
    const { type } = body;
    if (!isListableType(type) || isReservedEventType(type)) throw new EventTypeRefused();
    const settings = { description: body.description ?? '', schema: body.schema ?? null };
    await checkSchema(settings.schema);
    try {
      return await inTransaction(this.dataSource, async (tx) => {
        const created = await this.types.insert(tx, type, settings);
        await this.record(tx, caller, 'event_type.created', type);
        return created;
      });
    } catch (error) {
      throw isUniqueViolation(error, 'event_types_pkey') ? new EventTypeTaken() : error;
    }
  }

  /** @throws EventTypeNotFound, Problem 400 for a schema that is none */
  async update(caller: Caller, type: string, patch: UpdateEventTypeBody): Promise<EventType> {
    return inTransaction(this.dataSource, async (tx) => {
      const current = await this.lock(tx, type);
      const { description, schema }: EventTypeSettings = current;
      const settings = applyMergePatch({ description, schema }, patch, defaults);
      if (isDeepStrictEqual(settings, { description, schema })) return current;
      await checkSchema(settings.schema);
      const updated = await this.types.update(tx, type, settings);
      await this.record(tx, caller, 'event_type.updated', type);
      return updated;
    });
  }

  /** @throws EventTypeNotFound */
  async delete(caller: Caller, type: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      await this.lock(tx, type);
      await this.types.delete(tx, type);
      await this.record(tx, caller, 'event_type.deleted', type);
    });
  }

  private async lock(tx: EntityManager, type: string): Promise<EventType> {
    const found = isListableType(type) ? await this.types.lock(tx, type) : undefined;
    if (found === undefined) throw new EventTypeNotFound();
    return found;
  }

  private async record(tx: EntityManager, caller: Caller, action: AuditAction, type: string): Promise<void> {
    const { clientId, origin } = caller;
    await this.audit.record(tx, { action, actorClientId: clientId, targetType: 'event_type', targetId: type, origin });
  }
}

async function checkSchema(schema: JsonSchema | null): Promise<void> {
  if (schema === null) return;
  if (Buffer.byteLength(JSON.stringify(schema)) > maxSchemaBytes) {
    throw badRequest([{ pointer: '/schema', detail: `must not be larger than ${maxSchemaBytes} bytes` }]);
  }
  try {
    await compileEventSchema(schema);
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error;
    throw badRequest([{ pointer: `/schema${error.pointer}`, detail: error.detail }]);
  }
}
