import { Inject, Injectable } from '@nestjs/common';
import type { RequestOrigin } from '../../audit/index.js';
import { ServerConfig, TokenConfig } from '../../config/index.js';
import { invalidGrant, invalidRequest, type TokenRequest } from '../../protocol/index.js';
import { AccessTokenIssuer } from '../access-token-issuer.js';
import {
  decideRefresh,
  refreshedAudience,
  refreshedScope,
  RefreshFamilies,
  RefreshTokens,
  requireBinding,
} from '../refresh/index.js';
import { type TokenTerms, tokenTerms } from '../token-terms.js';
import type { Grant, TokenResponse, TokenView } from './grant.js';

/** RFC 6749 §6: a new access token for a refresh token, which is used up for another one (RFC 9700 §4.14.2). */
@Injectable()
export class RefreshTokenGrant implements Grant {
  readonly type = 'refresh_token';

  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(TokenConfig) private readonly config: TokenConfig,
    @Inject(AccessTokenIssuer) private readonly issuer: AccessTokenIssuer,
    @Inject(RefreshFamilies) private readonly families: RefreshFamilies,
    @Inject(RefreshTokens) private readonly refreshTokens: RefreshTokens,
  ) {}

  async issue(request: TokenRequest, view: TokenView, origin: RequestOrigin): Promise<TokenResponse | undefined> {
    const token = request.refreshToken;
    if (token === undefined) throw invalidRequest('the parameter refresh_token is missing');
    const { client, confirmation } = view;
    const state = await this.families.look(token);
    if (state === undefined) throw invalidGrant('unknown_refresh_token');
    const { family } = state;
    if (family.clientId !== client.clientId) {
      throw invalidGrant('foreign_refresh_token', { severity: 'high', owner: family.clientId, family: family.id });
    }
    const presented = { token, tokenId: state.token.tokenId, family, client, origin };
    const { verdict, fault } = decideRefresh(state, client.refreshTokenGraceSeconds);
    if (verdict === 'refuse') throw invalidGrant(fault);
    if (verdict === 'reuse') return this.refreshTokens.use(presented, undefined);
    // Before anything is used up: a refused request leaves the token as it is (security.md J-29).
    requireBinding(family, confirmation);
    const terms = this.terms(request, view, family);
    return this.refreshTokens.use(presented, await this.issuer.sign(terms, origin, confirmation));
  }

  private terms(
    request: TokenRequest,
    { client, scopes }: TokenView,
    family: { readonly scope: readonly string[]; readonly audience: readonly string[] },
  ): TokenTerms {
    return tokenTerms({
      grantType: this.type,
      clientId: client.clientId,
      clientVersion: client.version,
      registryVersion: scopes.version,
      scope: refreshedScope({ family, client }, request.scope, (name) => scopes.has(name)),
      audience: refreshedAudience({ family, client }, request.resources, this.server.issuer),
      lifetimeSeconds: client.accessTokenTtlSeconds ?? this.config.accessTokenTtlSeconds,
    });
  }
}
