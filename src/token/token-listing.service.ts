import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { asDatabaseError } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, queryParameter, readListQuery } from '../http/index.js';
import { badRequest } from '../protocol/index.js';
import { type ListedToken, type TokenFilter, TokenRepository, type TokenState } from './token.repository.js';

const states: readonly string[] = ['active', 'revoked', 'expired'] satisfies TokenState[];
const maxClientIdLength = 200;

/** A token as the admin API shows it. */
export interface TokenAnswer {
  readonly jti: string;
  readonly client_id: string;
  readonly scope: string;
  readonly aud: readonly string[];
  readonly issued_at: string;
  readonly expires_at: string;
  readonly revoked_at: string | null;
  readonly revoked_reason: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
}

/** The use case that lists tokens. */
@Injectable()
export class TokenListing {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(TokenRepository) private readonly tokens: TokenRepository,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * The tokens that `client_id` and `status` select, newest first, as long as their records are kept.
   *
   * @throws Problem 400 for a bad `limit`, `cursor`, `client_id` or `status`
   */
  async list(query: Query): Promise<Page<TokenAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = readFilter(query);
    const seal = {
      key: this.derivedKeys.derive('cursor-v1'),
      binding: ['tokens', JSON.stringify([filter.clientId ?? null, filter.status ?? null])],
    };
    const after = openCursor(seal, cursor);
    const found = await this.tokens
      .list(this.dataSource.manager, filter, limit + 1, after)
      .catch((error: unknown) => Promise.reject(asDatabaseError(error)));
    return pageOf(found, limit, seal, ({ issuedAt, jti }) => ({ at: issuedAt.toISOString(), id: jti }), tokenAnswer);
  }
}

function readFilter(query: Query): TokenFilter {
  const clientId = queryParameter(query, 'client_id');
  if (clientId === '' || (clientId !== undefined && clientId.length > maxClientIdLength)) {
    throw badRequest([{ pointer: '/client_id', detail: `must be 1 to ${maxClientIdLength} characters` }]);
  }
  const status = queryParameter(query, 'status');
  if (status !== undefined && !isState(status)) {
    throw badRequest([{ pointer: '/status', detail: 'must be active, revoked or expired' }]);
  }
  return { clientId, status };
}

function isState(text: string): text is TokenState {
  return states.includes(text);
}

function tokenAnswer(token: ListedToken): TokenAnswer {
  return {
    jti: token.jti,
    client_id: token.clientId,
    scope: token.scope,
    aud: token.aud,
    issued_at: token.issuedAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    revoked_at: token.revokedAt?.toISOString() ?? null,
    revoked_reason: token.revokedReason,
    ip_address: token.ipAddress,
    user_agent: token.userAgent,
  };
}
