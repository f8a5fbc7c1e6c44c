import { Inject, Injectable } from '@nestjs/common';
import { Audit, type AuditRefusal, type RequestOrigin } from '../audit/index.js';
import { ClientAuthenticator, type ClientSnapshot, ClientSnapshots, ClientUsage } from '../clients/index.js';
import { Clock } from '../clock/index.js';
import { DatabaseUnavailable } from '../database/index.js';
import { Limits } from '../limits/index.js';
import {
  type ClientCredentials,
  invalidClient,
  OAuthError,
  temporarilyUnavailable,
  type TokenRequest,
  unauthorizedClient,
  unsupportedGrantType,
} from '../protocol/index.js';
import { type RegisteredScopes, ScopeRegistry } from '../scopes/index.js';
import type { Grant, TokenResponse } from './grants/grant.js';
import { Grants } from './grants/grants.js';

/** Clients that change faster than this many decisions can follow are asked to come again. */
const maxDecisions = 8;

/** A request for a token, read and well-formed, with where it came from. */
export interface TokenAttempt {
  readonly credentials: ClientCredentials;
  readonly request: TokenRequest;
  readonly origin: RequestOrigin;
}

interface View {
  readonly client: ClientSnapshot | undefined;
  readonly scopes: RegisteredScopes;
  /** Loaded after the request came in: a refusal may rest on it. */
  readonly fresh: boolean;
}

/**
 * `POST /oauth/token`, past the wire: who asks, may they, and the grant that answers.
 *
 * Caches answer, the commit decides. A success is decided on cached snapshots and committed on the condition that they are
 * still true; a refusal is decided on fresh ones. So a change is honoured by every process from the moment of its commit.
 */
@Injectable()
export class TokenEndpoint {
  constructor(
    @Inject(ClientSnapshots) private readonly clients: ClientSnapshots,
    @Inject(ScopeRegistry) private readonly scopes: ScopeRegistry,
    @Inject(ClientAuthenticator) private readonly authenticator: ClientAuthenticator,
    @Inject(ClientUsage) private readonly usage: ClientUsage,
    @Inject(Grants) private readonly grants: Grants,
    @Inject(Limits) private readonly limits: Limits,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * @throws OAuthError as the fault table of the contract says, once the refusal is in the audit log
   * @throws DatabaseUnavailable when neither a token nor a refusal can be made durable
   */
  async answer(attempt: TokenAttempt): Promise<TokenResponse> {
    try {
      return await this.decide(attempt);
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      throw await this.refused(error, attempt.origin, attempt.credentials.clientId, attempt.request.grantType);
    }
  }

  /** Records a refusal and gives the error to answer with: itself, or 429 once its sender has failed too often. */
  async refused(error: OAuthError, origin: RequestOrigin, clientId?: string, grantType?: string): Promise<OAuthError> {
    const wait = error.code === 'invalid_client' ? this.limits.failed(clientId ?? '', origin.ipAddress) : 0;
    const answer = wait === 0 ? error : temporarilyUnavailable(429, wait, error);
    const refusal: AuditRefusal = {
      action: 'token.denied',
      actorClientId: clientId,
      targetType: clientId === undefined ? undefined : 'client',
      targetId: clientId,
      origin,
      details: { reason: answer.reason, grant_type: grantType?.slice(0, 64) },
      error: answer.code,
    };
    if (answer.status === 429) this.audit.countRefusal(refusal);
    else await this.audit.recordRefusal(refusal);
    return answer;
  }

  private async decide(attempt: TokenAttempt): Promise<TokenResponse> {
    let view = this.cachedView(attempt) ?? (await this.freshView(attempt));
    let counted = false;
    for (let decisions = 0; decisions < maxDecisions; decisions += 1) {
      try {
        const { client, secretId } = this.authenticate(attempt, view);
        if (!counted) this.countRequest(client);
        counted = true;
        const grant = this.grantFor(attempt.request, client);
        const response = await grant.issue(attempt.request, { client, scopes: view.scopes }, attempt.origin);
        if (response !== undefined) {
          this.usage.used(client.clientId, secretId);
          return response;
        }
      } catch (error) {
        if (!(error instanceof OAuthError) || view.fresh) throw error;
      }
      view = await this.freshView(attempt);
    }
    throw new DatabaseUnavailable();
  }

  private cachedView({ credentials }: TokenAttempt): View | undefined {
    const client = this.clients.cached(credentials.clientId);
    const scopes = this.scopes.cached();
    return client === undefined || scopes === undefined ? undefined : { client, scopes, fresh: false };
  }

  private async freshView({ credentials }: TokenAttempt): Promise<View> {
    const [client, scopes] = await Promise.all([this.clients.load(credentials.clientId), this.scopes.load()]);
    return { client, scopes, fresh: true };
  }

  private authenticate(
    { credentials, origin }: TokenAttempt,
    view: View,
  ): { client: ClientSnapshot; secretId: string } {
    const result = this.authenticator.authenticate(credentials, view.client, this.clock.now(), origin.ipAddress ?? '');
    if (result.fault !== undefined || view.client === undefined) throw invalidClient(result.fault ?? 'unknown_client');
    return { client: view.client, secretId: result.secretId };
  }

  private countRequest(client: ClientSnapshot): void {
    if (client.rateLimitPerMinute === undefined) return;
    const wait = this.limits.requested(client.clientId, client.rateLimitPerMinute);
    if (wait > 0) throw temporarilyUnavailable(429, wait);
  }

  private grantFor({ grantType }: TokenRequest, client: ClientSnapshot): Grant {
    const grant = this.grants.of(grantType);
    if (grant === undefined) throw unsupportedGrantType('this grant_type is not supported');
    if (!client.grantTypes.has(grantType)) throw unauthorizedClient('this grant is not registered for this client');
    return grant;
  }
}
