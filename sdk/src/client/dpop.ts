import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { sha256 } from './sha256.js';

/** Keeps the key that tokens are bound to, and makes a proof for each request (RFC 9449 §4). @internal */
export class DpopKey {
  readonly #nonces = new Map<string, string>();
  readonly #privateKey: CryptoKey;
  readonly #publicJwk: JWK;

  private constructor(privateKey: CryptoKey, publicJwk: JWK) {
    this.#privateKey = privateKey;
    this.#publicJwk = publicJwk;
  }

  /** A fresh ES256 key, which never leaves the process. */
  static async generate(): Promise<DpopKey> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    return new DpopKey(privateKey, await exportJWK(publicKey));
  }

  /**
   * The value of the `DPoP` header of one request.
   *
   * @param accessToken the token that goes with it; absent at the token endpoint
   */
  async proof(method: string, url: string, accessToken?: string): Promise<string> {
    const { origin, pathname } = new URL(url);
    const nonce = this.#nonces.get(origin);
    return new SignJWT({
      htm: method,
      htu: `${origin}${pathname}`,
      ...(accessToken === undefined ? {} : { ath: sha256(accessToken) }),
      ...(nonce === undefined ? {} : { nonce }),
    })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.#publicJwk })
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .sign(this.#privateKey);
  }

  /**
   * Remembers the nonce that a server gave (RFC 9449 §8).
   *
   * @returns whether there was a new one
   */
  takeNonce(url: string, headers: Headers): boolean {
    const nonce = headers.get('dpop-nonce');
    const { origin } = new URL(url);
    if (nonce === null || this.#nonces.get(origin) === nonce) return false;
    this.#nonces.set(origin, nonce);
    return true;
  }
}
