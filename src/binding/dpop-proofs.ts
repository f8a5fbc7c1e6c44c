import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { ServerConfig, TokenConfig } from '../config/index.js';
import { type CheckedDpopProof, checkDpopProof, invalidDpopProof } from '../protocol/index.js';
import { SingleUse } from '../replay/index.js';
import { DpopNonces } from './dpop-nonces.js';

/** A proof with the request that it came with. */
export interface PresentedProof {
  /** Value of the `DPoP` header field. */
  readonly header: string | string[] | undefined;
  /** Method of the request. */
  readonly method: string;
  /** Path of the request as it was asked for, without a query; what it begins with is `ISSUER`. */
  readonly path: string;
  /** The access token that is presented with the proof, if there is one; `ath` must be its hash then. */
  readonly accessToken?: string | undefined;
}

/** DPoP proofs (RFC 9449): whether they hold, and that each is used only once. */
@Injectable()
export class DpopProofs {
  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(TokenConfig) private readonly tokens: TokenConfig,
    @Inject(DpopNonces) private readonly nonces: DpopNonces,
    @Inject(SingleUse) private readonly singleUse: SingleUse,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Checks a proof and uses it up.
   *
   * @returns the thumbprint of its key, RFC 7638 SHA-256 in base64url
   * @throws OAuthError `invalid_dpop_proof` or `use_dpop_nonce` (RFC 9449 §5, §8)
   * @throws DatabaseUnavailable when it cannot be known whether it was used before
   */
  async verify(proof: PresentedProof): Promise<{ readonly jkt: string }> {
    const checked = this.check(proof);
    await this.use(checked);
    return { jkt: checked.jkt };
  }

  /**
   * The checks of RFC 9449 §4.3 alone: for who must know more before the proof is used up.
   *
   * @throws OAuthError `invalid_dpop_proof` or `use_dpop_nonce`
   */
  check({ header, method, path, accessToken }: PresentedProof): CheckedDpopProof {
    return checkDpopProof(header, {
      method,
      uri: `${this.server.issuer}${path}`,
      accessToken,
      now: this.clock.now(),
      nonce: {
        required: this.tokens.dpopNonceRequired,
        current: this.nonces.current(),
        accepts: (nonce) => this.nonces.accepts(nonce),
      },
    });
  }

  /**
   * Uses up a proof that was checked (RFC 9449 §11.1). An identifier belongs to the key that signed it, so nobody can use up that
   * of another.
   *
   * @throws OAuthError `invalid_dpop_proof` if it was used before
   * @throws DatabaseUnavailable when that cannot be known
   */
  async use({ jkt, jti, expiresAt }: CheckedDpopProof): Promise<void> {
    const first = await this.singleUse.use({ purpose: 'dpop_proof', owner: jkt, identifier: jti, expiresAt });
    if (!first) throw invalidDpopProof('dpop_replayed', 'the DPoP proof was used before');
  }

  /** The nonce to send now as `DPoP-Nonce`. */
  nonce(): string {
    return this.nonces.current();
  }
}
