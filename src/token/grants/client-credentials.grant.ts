import { Inject, Injectable } from '@nestjs/common';
import type { RequestOrigin } from '../../audit/index.js';
import type { ClientSnapshot } from '../../clients/index.js';
import { ServerConfig, TokenConfig } from '../../config/index.js';
import { resolveAudience, resolveScope, type TokenRequest } from '../../protocol/index.js';
import { AccessTokenIssuer } from '../access-token-issuer.js';
import { RefreshTokens } from '../refresh/index.js';
import { TokenCoalescing } from '../token-coalescing.js';
import { type TokenTerms, tokenTerms } from '../token-terms.js';
import type { Grant, TokenResponse, TokenView } from './grant.js';

/** Different requests of one client whose terms are remembered. */
const rememberedTerms = 32;

/** Longest request that is remembered, in characters of scope and resources; who asks for more is decided anew each time. */
const longestRemembered = 1_024;

/** RFC 6749 §4.4: the client acts for itself. */
@Injectable()
export class ClientCredentialsGrant implements Grant {
  readonly type = 'client_credentials';

  /** Terms by client and request; a reloaded client is another object, and starts anew. */
  private readonly remembered = new WeakMap<ClientSnapshot, Map<string, TokenTerms>>();

  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(TokenConfig) private readonly config: TokenConfig,
    @Inject(AccessTokenIssuer) private readonly issuer: AccessTokenIssuer,
    @Inject(RefreshTokens) private readonly refreshTokens: RefreshTokens,
    @Inject(TokenCoalescing) private readonly coalescing: TokenCoalescing,
  ) {}

  async issue(request: TokenRequest, view: TokenView, origin: RequestOrigin): Promise<TokenResponse | undefined> {
    const terms = this.terms(request, view);
    const { client, confirmation } = view;
    if (!client.grantTypes.has('refresh_token')) {
      const { tokenCoalescingSeconds } = client;
      if (tokenCoalescingSeconds === 0) return this.issuer.issue(terms, origin, confirmation);
      return this.coalescing.issue(terms, origin, confirmation, tokenCoalescingSeconds);
    }
    return this.refreshTokens.begin(await this.issuer.sign(terms, origin, confirmation), client);
  }

  private terms(request: TokenRequest, view: TokenView): TokenTerms {
    const { client, scopes } = view;
    let ofClient = this.remembered.get(client);
    if (ofClient === undefined) this.remembered.set(client, (ofClient = new Map<string, TokenTerms>()));
    // Nothing of the request is checked yet: any character may stand in any part of it.
    const key = JSON.stringify([request.scope, ...request.resources]);
    const known = ofClient.get(key);
    if (known !== undefined && known.registryVersion === scopes.version) return known;
    const terms = this.decide(request, view);
    if (key.length > longestRemembered) return terms;
    if (ofClient.size >= rememberedTerms) ofClient.clear();
    ofClient.set(key, terms);
    return terms;
  }

  private decide(request: TokenRequest, { client, scopes }: TokenView): TokenTerms {
    return tokenTerms({
      grantType: this.type,
      clientId: client.clientId,
      clientVersion: client.version,
      registryVersion: scopes.version,
      scope: resolveScope({
        ...(request.scope === undefined ? {} : { asked: request.scope }),
        allowed: client.scope,
        isRegistered: (name) => scopes.has(name),
      }),
      audience: resolveAudience({ asked: request.resources, client, issuer: this.server.issuer }),
      lifetimeSeconds: client.accessTokenTtlSeconds ?? this.config.accessTokenTtlSeconds,
    });
  }
}
