import type { KeyObject } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK, SignJWT } from 'jose';

/** How the service proves itself: with a secret (`client_secret_basic`), or with a key (`private_key_jwt`, RFC 7523 §2.2). */
export type ServiceCredentials =
  | { readonly clientId: string; readonly clientSecret: string }
  | {
      readonly clientId: string;
      readonly privateKey: CryptoKey | KeyObject | JWK;
      /** `kid` of the registered key; that of a JWK unless given. */
      readonly keyId?: string;
      /** `RS256`, `PS256`, `ES256` or `EdDSA`; that of a JWK unless given. */
      readonly algorithm?: string;
    };

/** What goes into a request of an authenticated client. @internal */
export interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** No longer than the server takes (at most five minutes), and long enough for a clock that is a little off. */
const assertionSeconds = 60;

/**
 * Makes the authentication of one request; an assertion is good for one use.
 *
 * @param issuer the only audience of an assertion
 *
 * @internal
 */
export async function authenticate(credentials: ServiceCredentials, issuer: string): Promise<Authentication> {
  if ('clientSecret' in credentials) {
    const pair = `${formEncoded(credentials.clientId)}:${formEncoded(credentials.clientSecret)}`;
    return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, parameters: {} };
  }
  return {
    headers: {},
    parameters: {
      client_id: credentials.clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertionOf(credentials, issuer),
    },
  };
}

async function assertionOf(
  { clientId, privateKey, keyId, algorithm }: Extract<ServiceCredentials, { privateKey: unknown }>,
  issuer: string,
): Promise<string> {
  const isJwk = !('type' in privateKey);
  const kid = keyId ?? (isJwk ? privateKey.kid : undefined);
  const alg = algorithm ?? (isJwk ? privateKey.alg : undefined);
  if (alg === undefined) throw new TypeError('a private key needs an algorithm');
  const key = isJwk ? await importJWK(privateKey, alg) : privateKey;
  return new SignJWT()
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${assertionSeconds}s`)
    .sign(key);
}

/** application/x-www-form-urlencoded, as RFC 6749 §2.3.1 wants both halves. */
function formEncoded(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2);
}
