import { Module } from '@nestjs/common';
import { TokenStatus } from '../access/index.js';
import { ClientAuthenticationModule, ClientsModule } from '../clients/index.js';
import { KeysModule } from '../keys/index.js';
import { LimitsModule } from '../limits/index.js';
import { ScopesModule } from '../scopes/index.js';
import { AccessTokenIssuer } from './access-token-issuer.js';
import { AccessTokenWriter } from './access-token.writer.js';
import { AccessTokenReader } from './access-token-reader.js';
import { ClientRequests } from './client-requests.service.js';
import { DeliveryTokens } from './delivery-tokens.js';
import { ClientCredentialsGrant } from './grants/client-credentials.grant.js';
import { Grants } from './grants/grants.js';
import { RefreshTokenGrant } from './grants/refresh-token.grant.js';
import { IntrospectionController } from './introspection/introspection.controller.js';
import { IntrospectionEndpoint } from './introspection/introspection.endpoint.js';
import { MetadataController } from './metadata.controller.js';
import { RefreshFamilies, RefreshRepository, RefreshSecrets, RefreshTokens } from './refresh/index.js';
import { SharedTokenCheck } from './shared-token-check.js';
import { RevocationController } from './revocation/revocation.controller.js';
import { RevocationEndpoint } from './revocation/revocation.endpoint.js';
import { TokenRevocations } from './revocation/token-revocations.service.js';
import { TokenAdministration } from './token-administration.service.js';
import { TokenCoalescing } from './token-coalescing.js';
import { TokenEndpoint } from './token-endpoint.js';
import { TokenListing } from './token-listing.service.js';
import { TokenLookUps } from './token-look-ups.js';
import { TokenPartitions } from './token-partitions.js';
import { DatabaseTokenStatus } from './token-status.js';
import { TokenTraffic } from './token-traffic.js';
import { TokenController } from './token.controller.js';
import { TokenRepository } from './token.repository.js';
import { TokensController } from './tokens.controller.js';

/** Tokens: how one is asked for, decided, signed, stored and checked. */
@Module({
  imports: [ClientAuthenticationModule, ClientsModule, KeysModule, LimitsModule, ScopesModule],
  controllers: [TokenController, IntrospectionController, RevocationController, MetadataController, TokensController],
  providers: [
    AccessTokenIssuer,
    AccessTokenReader,
    AccessTokenWriter,
    ClientCredentialsGrant,
    ClientRequests,
    DeliveryTokens,
    Grants,
    IntrospectionEndpoint,
    RefreshFamilies,
    RefreshRepository,
    RefreshSecrets,
    RefreshTokenGrant,
    RefreshTokens,
    RevocationEndpoint,
    SharedTokenCheck,
    TokenAdministration,
    TokenCoalescing,
    TokenEndpoint,
    TokenListing,
    TokenLookUps,
    TokenPartitions,
    TokenRepository,
    TokenRevocations,
    TokenTraffic,
    { provide: TokenStatus, useClass: DatabaseTokenStatus },
  ],
  exports: [DeliveryTokens, TokenStatus],
})
export class TokenModule {}
