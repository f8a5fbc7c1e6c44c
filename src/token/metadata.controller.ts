import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/index.js';
import { supportedAuthMethods } from '../clients/index.js';
import { ServerConfig } from '../config/index.js';
import { authorizationServerMetadata } from '../protocol/index.js';
import { ScopeRegistry } from '../scopes/index.js';
import { Grants } from './grants/grants.js';

/** Authorization server metadata (RFC 8414): what works, and nothing else. */
@Controller('.well-known')
export class MetadataController {
  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(ScopeRegistry) private readonly scopes: ScopeRegistry,
    @Inject(Grants) private readonly grants: Grants,
  ) {}

  /** RFC 8414 §3; the second path serves clients that know only OpenID Connect Discovery. */
  @Get(['oauth-authorization-server', 'openid-configuration'])
  @Public()
  async metadata(@Res() reply: FastifyReply): Promise<void> {
    const scopes = this.scopes.cached() ?? (await this.scopes.load());
    const document = authorizationServerMetadata({
      issuer: this.server.issuer,
      grantTypes: this.grants.types,
      authMethods: supportedAuthMethods,
      scopes: [...scopes.names],
    });
    await reply
      .header('cache-control', 'public, max-age=300')
      .header('content-type', 'application/json')
      .send(JSON.stringify(document));
  }
}
