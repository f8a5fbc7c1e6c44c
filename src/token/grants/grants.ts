import { Inject, Injectable } from '@nestjs/common';
import { ClientCredentialsGrant } from './client-credentials.grant.js';
import type { Grant } from './grant.js';
import { RefreshTokenGrant } from './refresh-token.grant.js';

/** The grants that this server has, by `grant_type`. */
@Injectable()
export class Grants {
  private readonly byType: ReadonlyMap<string, Grant>;

  constructor(
    @Inject(ClientCredentialsGrant) clientCredentials: ClientCredentialsGrant,
    @Inject(RefreshTokenGrant) refreshToken: RefreshTokenGrant,
  ) {
    this.byType = new Map([clientCredentials, refreshToken].map((grant) => [grant.type, grant]));
  }

  /** The grant of that type, if there is one. */
  of(grantType: string): Grant | undefined {
    return this.byType.get(grantType);
  }

  /** Every `grant_type`, for the metadata. */
  get types(): string[] {
    return [...this.byType.keys()];
  }
}
