import { Inject, Injectable } from '@nestjs/common';
import { type ClientCertificate, DpopProofs } from '../binding/index.js';
import type { ClientSnapshot } from '../clients/index.js';
import { Limits } from '../limits/index.js';
import {
  type Confirmation,
  invalidRequest,
  temporarilyUnavailable,
  type TokenRequest,
  unauthorizedClient,
  unsupportedGrantType,
} from '../protocol/index.js';
import { type ClientRequest, ClientRequests } from './client-requests.service.js';
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
      async ({ client, scopes }) => {
        if (!counted) this.countRequest(client);
        counted = true;
        const grant = this.grantFor(asked, client);
        // RFC 9449 §5: whoever sends a proof gets a bound token, registered for it or not. It can be used up only once.
        if (request.dpop !== undefined || client.dpopBoundAccessTokens) {
          proof ??= await this.proofs.verify({ header: request.dpop, method: 'POST', path: '/oauth/token' });
        }
        const confirmation = confirmationOf(client, proof?.jkt, request.certificate);
        return grant.issue(asked, { client, scopes, confirmation }, request.origin);
      },
      { grant_type: asked.grantType.slice(0, 64) },
    );
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
