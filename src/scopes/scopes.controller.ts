import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import { bodyOf, type Page, type Query as QueryParameters } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { type ScopeAnswer, scopeAnswer } from './scope.js';
import { createScope, deleteScope, listScopes, updateScope } from './scopes.documentation.js';
import { CreateScopeBody, UpdateScopeBody } from './scopes.dto.js';
import { ScopesService } from './scopes.service.js';

/** `/admin/oauth/scopes`: the registry of scope names. */
@Controller('admin/oauth/scopes')
@RequireScope('admin:oauth')
export class ScopesController {
  constructor(
    @Inject(ScopesService) private readonly scopes: ScopesService,
    @Inject(ServerConfig) private readonly server: ServerConfig,
  ) {}

  @Get()
  @Documented(listScopes)
  list(@Query() query: QueryParameters): Promise<Page<ScopeAnswer>> {
    return this.scopes.list(query);
  }

  @Post()
  @Audited('scope.created')
  @Documented(createScope)
  async create(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(CreateScopeBody)) body: CreateScopeBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScopeAnswer> {
    const scope = await this.scopes.create(caller, body);
    reply.header('location', `${this.server.issuer}/admin/oauth/scopes/${encodeURIComponent(scope.name)}`);
    return scopeAnswer(scope);
  }

  @Patch(':name')
  @Audited('scope.updated')
  @Documented(updateScope)
  async update(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Body(bodyOf(UpdateScopeBody)) patch: UpdateScopeBody,
  ): Promise<ScopeAnswer> {
    return scopeAnswer(await this.scopes.update(caller, name, patch));
  }

  @Delete(':name')
  @HttpCode(204)
  @Audited('scope.deleted')
  @Documented(deleteScope)
  delete(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<void> {
    return this.scopes.delete(caller, name);
  }
}
