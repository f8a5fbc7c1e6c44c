import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query as QueryOf } from '@nestjs/common';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import { bodyOf, NoMembersBody, type Page, type Query } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { TokenAdministration } from './token-administration.service.js';
import { TokenListing, type TokenAnswer } from './token-listing.service.js';
import { listTokens, revokeToken, revokeTokensOfClient } from './tokens.documentation.js';
import { RevokeTokenBody } from './tokens.dto.js';

/** Issued tokens, for operators (http-api.md "Admin"). Never a token itself, nor its hash. */
@Controller('admin/oauth')
@RequireScope('admin:oauth')
export class TokensController {
  constructor(
    @Inject(TokenListing) private readonly listing: TokenListing,
    @Inject(TokenAdministration) private readonly administration: TokenAdministration,
  ) {}

  @Get('tokens')
  @Documented(listTokens)
  list(@QueryOf() query: Query): Promise<Page<TokenAnswer>> {
    return this.listing.list(query);
  }

  @Post('tokens/:jti/revoke')
  @HttpCode(204)
  @Audited('token.revoked')
  @Documented(revokeToken)
  revoke(
    @CurrentCaller() caller: Caller,
    @Param('jti') jti: string,
    @Body(bodyOf(RevokeTokenBody, { optional: true })) { reason }: RevokeTokenBody,
  ): Promise<void> {
    return this.administration.revoke(caller, jti, reason ?? undefined);
  }

  @Post('clients/:client_id/revoke-tokens')
  @HttpCode(200)
  @Audited('token.revoked')
  @Documented(revokeTokensOfClient)
  async revokeAll(
    @Body(bodyOf(NoMembersBody, { optional: true })) _: NoMembersBody,
    @CurrentCaller() caller: Caller,
    @Param('client_id') clientId: string,
  ): Promise<{ readonly revoked: number }> {
    return { revoked: await this.administration.revokeAll(caller, clientId) };
  }
}
