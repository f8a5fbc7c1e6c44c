import { Inject, Injectable } from '@nestjs/common';
import { type ClientCertificate, DpopProofs } from '../binding/index.js';
import type { ClientSnapshot } from '../clients/index.js';
import { type ExceededQuota, Limits } from '../limits/index.js';
import {
  type Confirmation,
  invalidRequest,
  temporarilyUnavailable,
  type TokenRequest,
  unauthorizedClient,
  unsupportedGrantType,
} from '../protocol/index.js';
import { LimitedCounts } from '../statistics/index.js';
import { type ClientRequest, ClientRequests, type ClientView } from './client-requests.service.js';
import type { Grant, TokenResponse } from './grants/grant.js';
import { Grants } from './grants/grants.js';

/** `POST /oauth/token`, past the wire: may the client have this grant, what binds its token, and the grant that answers. */
@Injectable()
export class TokenEndpoint {
  constructor(
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(DpopProofs) private readonly proofs: DpopProofs,
    @Inject(Grants) private readonly grants: Grants,
    @Inject(Limits) private readonly limits: Limits,
    @Inject(LimitedCounts) private readonly counts: LimitedCounts,
  ) {}

  /**
   * @throws OAuthError as the fault table of the contract says, once the refusal is in the audit log
   * @throws DatabaseUnavailable when neither a token nor a refusal can be made durable
   */
  async answer(request: ClientRequest, asked: TokenRequest): Promise<TokenResponse> {
    let counted = false;
    let proof: { readonly jkt: string } | undefined;
    return this.requests.answer(
      request,
      async (view) => {
        const { client, scopes } = view;
        if (!counted && isLimited(client)) this.countRequest(view);
        counted = true;
        const grant = this.grantFor(asked, client);
        // RFC 9449 §5: whoever sends a proof gets a bound token, registered for it or not. It can be used up only once.
        if (request.dpop !== undefined || client.dpopBoundAccessTokens) {
          proof ??= await this.proofs.verify({ header: request.dpop, method: 'POST', path: '/oauth/token' });
        }
        const confirmation = confirmationOf(client, proof?.jkt, request.certificate);
        return grant.issue(asked, { client, scopes, confirmation }, request.origin);
      },
      { grant_type: asked.grantType.slice(0, 64).toWellFormed() },
    );
  }

  private countRequest({ client, fresh }: ClientView): void {
    const exceeded = this.limits.requested(client);
    const [first] = exceeded;
    if (first === undefined) return;
    // What is refused on an old copy is decided again.
    if (client.reportsRateLimits || fresh) this.report(client, exceeded);
    if (!client.reportsRateLimits) throw temporarilyUnavailable(429, first.waitSeconds);
  }

  private report({ clientId, reportsRateLimits }: ClientSnapshot, exceeded: readonly ExceededQuota[]): void {
    const mode = reportsRateLimits ? 'report' : 'enforce';
    for (const one of exceeded) {
      this.limits.exceeded(one, mode);
      this.counts.countLater(clientId, one.quota, mode);
    }
  }

  private grantFor({ grantType }: TokenRequest, client: ClientSnapshot): Grant {
    const grant = this.grants.of(grantType);
    if (grant === undefined) throw unsupportedGrantType('this grant_type is not supported');
    if (!client.grantTypes.has(grantType)) throw unauthorizedClient('this grant is not registered for this client');
    return grant;
  }
}

function isLimited(client: ClientSnapshot): boolean {
  return client.rateLimitPerMinute !== undefined || client.rateLimitPerDay !== undefined;
}

/** What the token will be bound to: the key of the proof (RFC 9449 §6.1), the client's certificate (RFC 8705 §3.1), or nothing. */
function confirmationOf(
  client: ClientSnapshot,
  jkt: string | undefined,
  certificate: ClientCertificate | undefined,
): Confirmation | undefined {
  if (client.certificateBoundAccessTokens && certificate === undefined) {
    throw invalidRequest('this client must come with its certificate');
  }
  const thumbprint = client.certificateBoundAccessTokens ? certificate?.thumbprint : undefined;
  if (jkt === undefined && thumbprint === undefined) return undefined;
  return {
    ...(jkt === undefined ? {} : { jkt }),
    ...(thumbprint === undefined ? {} : { 'x5t#S256': thumbprint }),
  };
}
