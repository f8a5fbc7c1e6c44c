import { Body, Controller, Delete, Get, Headers, HttpCode, Inject, Param, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import { JsonBody, type Query as QueryParameters } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { badRequest, isNotModified, readPreconditions } from '../protocol/index.js';
import { ChangeFeed } from './change-feed.service.js';
import { readResourceKey } from './resource-key.js';
import { readStateContent } from './state-content.js';
import { entityTagOf } from './state-write.js';
import { type ChangesAnswer, resourceText, type WriteAnswer } from './sync.answers.js';
import { deleteState, getState, listStateChanges, putState } from './sync.documentation.js';
import { SyncService } from './sync.service.js';

/**
 * `/sync`: state that services keep here for each other (http-api.md "State sync and caches").
 *
 * Of what happens here the audit log has the taking of a type, and every token that was refused; single writes are told by
 * the feed and by events.
 */
@Controller('sync')
export class SyncController {
  constructor(
    @Inject(SyncService) private readonly sync: SyncService,
    @Inject(ChangeFeed) private readonly feed: ChangeFeed,
  ) {}

  @Get('changes')
  @RequireScope('state:read')
  @Documented(listStateChanges)
  async changes(
    @CurrentCaller() caller: Caller,
    @Query() query: QueryParameters,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangesAnswer> {
    const closed = new AbortController();
    reply.raw.once('close', () => closed.abort());
    reply.header('cache-control', 'no-store');
    return this.feed.list(caller, query, closed.signal);
  }

  @Put(':resource_type/:resource_id')
  @RequireScope('state:write')
  @Documented(putState)
  async put(
    @CurrentCaller() caller: Caller,
    @Param('resource_type') resourceType: string,
    @Param('resource_id') resourceId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WriteAnswer> {
    const key = readResourceKey(resourceType, resourceId);
    const preconditions = readPreconditions(ifMatch, ifNoneMatch);
    if (!(body instanceof JsonBody)) throw badRequest([{ pointer: '', detail: 'a JSON object is required' }]);
    const content = readStateContent(body.content());
    const { version, updatedAt, created, written } = await this.sync.put(caller, key, preconditions, content);
    reply.code(created ? 201 : 200).header('etag', entityTagOf(version));
    return {
      resource_type: resourceType,
      resource_id: resourceId,
      version,
      changed: written !== undefined,
      updated_at: updatedAt.toISOString(),
    };
  }

  @Get(':resource_type/:resource_id')
  @RequireScope('state:read')
  @Documented(getState)
  async get(
    @Param('resource_type') resourceType: string,
    @Param('resource_id') resourceId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = readResourceKey(resourceType, resourceId);
    const resource = await this.sync.read(key);
    const tag = entityTagOf(resource.version);
    reply.header('etag', tag).header('cache-control', 'private, max-age=300');
    if (isNotModified(request.headers['if-none-match'], tag)) {
      await reply.code(304).send();
      return;
    }
    await reply.type('application/json; charset=utf-8').send(resourceText(key, resource));
  }

  @Delete(':resource_type/:resource_id')
  @HttpCode(204)
  @RequireScope('state:write')
  @Documented(deleteState)
  async delete(
    @CurrentCaller() caller: Caller,
    @Param('resource_type') resourceType: string,
    @Param('resource_id') resourceId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
  ): Promise<void> {
    const key = readResourceKey(resourceType, resourceId);
    await this.sync.delete(caller, key, readPreconditions(ifMatch, ifNoneMatch));
  }
}
