import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ClientCertificates, DpopProofs } from '../binding/index.js';
import type { CheckedDpopProof } from '../protocol/index.js';
import type { PresentedToken } from './presented-token.js';
import { InvalidAccessToken } from './refused-token.js';

/** Whether who sends a token is whom it was bound to (RFC 9449 §7, RFC 8705 §3). */
@Injectable()
export class SenderConstraint {
  constructor(
    @Inject(DpopProofs) private readonly proofs: DpopProofs,
    @Inject(ClientCertificates) private readonly certificates: ClientCertificates,
  ) {}

  /**
   * Confirms every member of the `cnf` claim of a token that is otherwise verified (RFC 7800 §3.1).
   *
   * @returns the proof, still to be used up, where there is one
   * @throws InvalidAccessToken
   * @throws OAuthError `invalid_dpop_proof` or `use_dpop_nonce` where the proof is at fault, `invalid_request` where what the
   *   proxy tells of the client's certificate is
   */
  confirm(request: FastifyRequest, presented: PresentedToken, confirmation: unknown): CheckedDpopProof | undefined {
    const { jkt, 'x5t#S256': thumbprint, ...others } = members(confirmation);
    if (Object.keys(others).length > 0) throw new InvalidAccessToken('unknown_confirmation');
    if (thumbprint !== undefined) this.confirmCertificate(request, thumbprint);
    if (jkt !== undefined) return this.confirmKey(request, presented, jkt);
    // RFC 9449 §7.1: a token that is bound to no key has nothing to do with this scheme.
    if (presented.scheme === 'DPoP') throw new InvalidAccessToken('not_bound');
    return undefined;
  }

  /** Makes sure that a confirmed proof was never used before. */
  async use(proof: CheckedDpopProof | undefined): Promise<void> {
    if (proof !== undefined) await this.proofs.use(proof);
  }

  private confirmCertificate({ headers, raw }: FastifyRequest, thumbprint: unknown): void {
    const certificate = this.certificates.of({ peerAddress: raw.socket.remoteAddress ?? '', headers });
    if (certificate?.thumbprint !== thumbprint) throw new InvalidAccessToken('wrong_certificate');
  }

  private confirmKey(request: FastifyRequest, { scheme, token }: PresentedToken, jkt: unknown): CheckedDpopProof {
    // RFC 9449 §7.2: never as Bearer, with a proof or without.
    if (scheme !== 'DPoP') throw new InvalidAccessToken('bound_to_key');
    const [path = ''] = request.url.split('?', 1);
    const header = request.headers['dpop'];
    const proof = this.proofs.check({ header, method: request.method, path, accessToken: token });
    if (proof.jkt !== jkt) throw new InvalidAccessToken('wrong_key');
    return proof;
  }
}

function members(confirmation: unknown): Readonly<Record<string, unknown>> {
  if (confirmation === undefined) return {};
  const bound = typeof confirmation === 'object' && confirmation !== null && Object.keys(confirmation).length > 0;
  if (!bound || Array.isArray(confirmation)) throw new InvalidAccessToken('unknown_confirmation');
  return confirmation as Record<string, unknown>;
}
