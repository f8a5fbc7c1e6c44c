import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../../../access/index.js';
import { ServerConfig } from '../../../config/index.js';
import { bodyOf, type Page, type Query as QueryParameters } from '../../../http/index.js';
import { Documented } from '../../../openapi/index.js';
import { type EventTypeAnswer, eventTypeAnswer } from './event-type.js';
import {
  createEventType,
  deleteEventType,
  getEventType,
  listEventTypes,
  updateEventType,
} from './event-types.documentation.js';
import { CreateEventTypeBody, UpdateEventTypeBody } from './event-types.dto.js';
import { EventTypes } from './event-types.service.js';

/** `/admin/events/types`: the catalogue of published types. */
@Controller('admin/events/types')
@RequireScope('admin:events')
export class EventTypesController {
  constructor(
    @Inject(EventTypes) private readonly types: EventTypes,
    @Inject(ServerConfig) private readonly server: ServerConfig,
  ) {}

  @Get()
  @Documented(listEventTypes)
  list(@Query() query: QueryParameters): Promise<Page<EventTypeAnswer>> {
    return this.types.list(query);
  }

  @Post()
  @Audited('event_type.created')
  @Documented(createEventType)
  async create(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(CreateEventTypeBody)) body: CreateEventTypeBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EventTypeAnswer> {
    const created = await this.types.create(caller, body);
    reply.header('location', `${this.server.issuer}/admin/events/types/${encodeURIComponent(created.type)}`);
    return eventTypeAnswer(created);
  }

  @Get(':type')
  @Documented(getEventType)
  async get(@Param('type') type: string): Promise<EventTypeAnswer> {
    return eventTypeAnswer(await this.types.get(type));
  }

  @Patch(':type')
  @Audited('event_type.updated')
  @Documented(updateEventType)
  async update(
    @CurrentCaller() caller: Caller,
    @Param('type') type: string,
    @Body(bodyOf(UpdateEventTypeBody)) patch: UpdateEventTypeBody,
  ): Promise<EventTypeAnswer> {
    return eventTypeAnswer(await this.types.update(caller, type, patch));
  }

  @Delete(':type')
  @HttpCode(204)
  @Audited('event_type.deleted')
  @Documented(deleteEventType)
  delete(@CurrentCaller() caller: Caller, @Param('type') type: string): Promise<void> {
    return this.types.delete(caller, type);
  }
}
