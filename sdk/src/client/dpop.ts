import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { sha256 } from './sha256.js';

/** The key that tokens are bound to (RFC 9449 §4). @internal */
export interface DpopKey {
  /**
   * The value of the `DPoP` header of one request.
   *
   * @param accessToken the token that goes with it; absent at the token endpoint
   */
  proof(method: string, url: string, accessToken?: string): Promise<string>;
  /**
   * Remembers the nonce that a server gave (RFC 9449 §8).
   *
   * @returns whether there was a new one
   */
  takeNonce(url: string, headers: Headers): boolean;
}

/** A fresh ES256 key, made when it is first needed, which never leaves the process. @internal */
export function dpopKey(): DpopKey {
  let making: ReturnType<typeof makeKey> | undefined;
  const nonces = new Map<string, string>();
  return {
    proof: async (method, url, accessToken) => {
      making ??= makeKey();
      const { privateKey, jwk } = await making;
      const { origin, pathname } = new URL(url);
      const nonce = nonces.get(origin);
      return new SignJWT({
        htm: method,
        htu: `${origin}${pathname}`,
        ...(accessToken === undefined ? {} : { ath: sha256(accessToken) }),
        ...(nonce === undefined ? {} : { nonce }),
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .sign(privateKey);
    },
    takeNonce: (url, headers) => {
      const nonce = headers.get('dpop-nonce');
      const { origin } = new URL(url);
      if (nonce === null || nonces.get(origin) === nonce) return false;
      nonces.set(origin, nonce);
      return true;
    },
  };
}

async function makeKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { privateKey, jwk: await exportJWK(publicKey) };
}
