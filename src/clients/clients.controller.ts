import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import { bodyOf, type Page, type Query as QueryParameters } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { ClientListingService } from './client-listing.service.js';
import { ClientSecretsService } from './client-secrets.service.js';
import {
  type ClientAnswer,
  clientAnswer,
  type RegeneratedSecretAnswer,
  regeneratedSecretAnswer,
  type RegisteredClientAnswer,
  registeredClientAnswer,
} from './client.answer.js';
import {
  createClient,
  deleteClient,
  deleteSecret,
  getClient,
  listClients,
  regenerateSecret,
  updateClient,
} from './clients.documentation.js';
import { CreateClientBody, RegenerateSecretBody, UpdateClientBody } from './clients.dto.js';
import { ClientsService } from './clients.service.js';

/** `/admin/oauth/clients`: registration of clients and their secrets. */
@Controller('admin/oauth/clients')
@RequireScope('admin:oauth')
export class ClientsController {
  constructor(
    @Inject(ClientsService) private readonly clients: ClientsService,
    @Inject(ClientSecretsService) private readonly secrets: ClientSecretsService,
    @Inject(ClientListingService) private readonly listing: ClientListingService,
    @Inject(ServerConfig) private readonly server: ServerConfig,
  ) {}

  @Get()
  @Documented(listClients)
  list(@Query() query: QueryParameters): Promise<Page<ClientAnswer>> {
    return this.listing.list(query);
  }

  @Post()
  @Audited('client.created')
  @Documented(createClient)
  async create(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(CreateClientBody)) body: CreateClientBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegisteredClientAnswer> {
    const { client, secret } = await this.clients.create(caller, body);
    reply.header('location', `${this.server.issuer}/admin/oauth/clients/${client.clientId}`);
    return registeredClientAnswer(client, secret);
  }

  @Get(':client_id')
  @Documented(getClient)
  async get(@Param('client_id') clientId: string): Promise<ClientAnswer> {
    return clientAnswer(await this.listing.get(clientId));
  }

  @Patch(':client_id')
  @Audited('client.updated')
  @Documented(updateClient)
  async update(
    @CurrentCaller() caller: Caller,
    @Param('client_id') clientId: string,
    @Body(bodyOf(UpdateClientBody)) patch: UpdateClientBody,
  ): Promise<RegisteredClientAnswer> {
    const { client, secret } = await this.clients.update(caller, clientId, patch);
    return registeredClientAnswer(client, secret);
  }

  @Delete(':client_id')
  @HttpCode(204)
  @Audited('client.deleted')
  @Documented(deleteClient)
  delete(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string): Promise<void> {
    return this.clients.delete(caller, clientId);
  }

  @Post(':client_id/regenerate-secret')
  @HttpCode(200)
  @Audited('client.secret_regenerated')
  @Documented(regenerateSecret)
  async regenerateSecret(
    @CurrentCaller() caller: Caller,
    @Param('client_id') clientId: string,
    @Body(bodyOf(RegenerateSecretBody, { optional: true })) body: RegenerateSecretBody,
  ): Promise<RegeneratedSecretAnswer> {
    const secret = await this.secrets.regenerate(caller, clientId, body.overlap_seconds ?? 0);
    return regeneratedSecretAnswer(clientId, secret, secret.previousSecretsExpireAt);
  }

  @Delete(':client_id/secrets/:secret_id')
  @HttpCode(204)
  @Audited('client.secret_deleted')
  @Documented(deleteSecret)
  deleteSecret(
    @CurrentCaller() caller: Caller,
    @Param('client_id') clientId: string,
    @Param('secret_id') secretId: string,
  ): Promise<void> {
    return this.secrets.delete(caller, clientId, secretId);
  }
}
