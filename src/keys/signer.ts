import { type KeyObject, sign, type SignKeyObjectInput } from 'node:crypto';
import { traced } from '../measurements/index.js';
import { ACCESS_TOKEN_TYPE } from '../protocol/index.js';
import type { SigningAlg } from './signing-key.js';

/** One signing key, ready for use. */
export interface SigningHandle {
  readonly kid: string;
  readonly alg: SigningAlg;
  /** The base64url JOSE header of an access token, `{"alg","typ":"at+jwt","kid"}` (RFC 9068 §2.1), made once. */
  readonly header: string;
  /**
   * Signs; an RSA signature off the event loop.
   *
   * @param signingInput `header.payload`, ASCII (RFC 7515 §5.1)
   * @returns the base64url signature
   */
  sign(signingInput: string): Promise<string>;
}

/** Where the token endpoint finds the key that signs now; the seam for a KMS that never hands the key out. */
export abstract class Signer {
  /**
   * The active key of `SIGNING_ALG`; to be asked for anew for each token.
   *
   * @throws DatabaseUnavailable while there is none
   */
  abstract current(): SigningHandle;
}

/** Signs with a private key in memory. The key is in no enumerable place and leaves through no method. */
export class LocalSigningHandle implements SigningHandle {
  readonly header: string;
  readonly #key: KeyObject | SignKeyObjectInput;

  /** @param took is told how long each signature took, the wait for a thread included */
  constructor(
    readonly kid: string,
    readonly alg: SigningAlg,
    privateKey: KeyObject,
    private readonly took: (durationMs: number) => void = () => undefined,
  ) {
    this.header = Buffer.from(JSON.stringify({ alg, typ: ACCESS_TOKEN_TYPE, kid })).toString('base64url');
    // RFC 7518 §3.4: R and S side by side, not DER.
    this.#key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey;
  }

  sign(signingInput: string): Promise<string> {
    return traced('sign', () => this.signNow(signingInput));
  }

  private async signNow(signingInput: string): Promise<string> {
    const begin = performance.now();
    const data = Buffer.from(signingInput, 'latin1');
    // An ES256 signature is cheaper than the way to another thread and back.
    if (this.alg === 'ES256') {
      const signature = sign('sha256', data, this.#key).toString('base64url');
      this.took(performance.now() - begin);
      return signature;
    }
    return new Promise((resolve, reject) => {
      sign('sha256', data, this.#key, (error, signature) => {
        this.took(performance.now() - begin);
        if (error === null) resolve(signature.toString('base64url'));
        else reject(error);
      });
    });
  }
}
