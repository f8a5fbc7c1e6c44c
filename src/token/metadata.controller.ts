import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/index.js';
import { supportedAuthMethods } from '../clients/index.js';
import { ServerConfig } from '../config/index.js';
import { Documented } from '../openapi/index.js';
import { authorizationServerMetadata, clientAssertionAlgorithms, dpopSigningAlgorithms } from '../protocol/index.js';
import { type RegisteredScopes, ScopeRegistry } from '../scopes/index.js';
import { Grants } from './grants/grants.js';
import { getMetadata } from './metadata.documentation.js';

/** How long the names of scopes may be told from memory, in milliseconds; other processes register some, too. */
const freshMs = 1_000;

/** How long the database is waited for when they are in memory. */
const patienceMs = 250;

/** Authorization server metadata (RFC 8414): what works, and nothing else. */
@Controller('.well-known')
export class MetadataController {
  private readAt = -Infinity;

  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(ScopeRegistry) private readonly scopes: ScopeRegistry,
    @Inject(Grants) private readonly grants: Grants,
  ) {}

  /** RFC 8414 §3; the second path serves clients that know only OpenID Connect Discovery. */
  @Get(['oauth-authorization-server', 'openid-configuration'])
  @Public()
  @Documented(getMetadata)
  async metadata(@Res() reply: FastifyReply): Promise<void> {
    const scopes = await this.registered();
    // Certificates come from a trusted proxy; where none is configured, none come.
    const readsCertificates = this.server.trustProxy.length > 0;
    const document = authorizationServerMetadata({
      issuer: this.server.issuer,
      grantTypes: this.grants.types,
      authMethods: supportedAuthMethods.filter((method) => readsCertificates || !method.includes('tls_client_auth')),
      assertionAlgs: clientAssertionAlgorithms,
      dpopAlgs: dpopSigningAlgorithms,
      readsCertificates,
      scopes: [...scopes.names],
    });
    await reply
      .header('cache-control', 'public, max-age=300')
      .header('content-type', 'application/json')
      .send(JSON.stringify(document));
  }

  /** While the database is away, or silent, the document stays as it was. */
  private async registered(): Promise<RegisteredScopes> {
    const cached = this.scopes.cached();
    const now = performance.now();
    if (cached !== undefined && now - this.readAt < freshMs) return cached;
    this.readAt = now;
    const reading = this.scopes.load();
    if (cached === undefined) return reading;
    const giveUp = new AbortController();
    const waited = sleep(patienceMs, cached, { signal: giveUp.signal }).catch(() => cached);
    try {
      return await Promise.race([reading.catch(() => cached), waited]);
    } finally {
      giveUp.abort();
    }
  }
}
