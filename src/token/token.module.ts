import { Module } from '@nestjs/common';
import { TokenStatus } from '../access/index.js';
import { ClientAuthenticationModule, ClientsModule } from '../clients/index.js';
import { KeysModule } from '../keys/index.js';
import { LimitsModule } from '../limits/index.js';
import { ScopesModule } from '../scopes/index.js';
import { AccessTokenIssuer } from './access-token-issuer.js';
import { AccessTokenWriter } from './access-token.writer.js';
import { ClientCredentialsGrant } from './grants/client-credentials.grant.js';
import { Grants } from './grants/grants.js';
import { MetadataController } from './metadata.controller.js';
import { TokenEndpoint } from './token-endpoint.js';
import { TokenPartitions } from './token-partitions.js';
import { DatabaseTokenStatus } from './token-status.js';
import { TokenController } from './token.controller.js';

/** Tokens: how one is asked for, decided, signed, stored and checked. */
@Module({
  imports: [ClientAuthenticationModule, ClientsModule, KeysModule, LimitsModule, ScopesModule],
  controllers: [TokenController, MetadataController],
  providers: [
    AccessTokenIssuer,
    AccessTokenWriter,
    ClientCredentialsGrant,
    Grants,
    TokenEndpoint,
    TokenPartitions,
    { provide: TokenStatus, useClass: DatabaseTokenStatus },
  ],
  exports: [TokenStatus],
})
export class TokenModule {}
