import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK, SignJWT } from 'jose';

/** How the service proves itself: with a secret (`client_secret_basic`), or with a key (`private_key_jwt`, RFC 7523 §2.2). */
export type ServiceCredentials =
  | { clientId: string; clientSecret: string }
  | {
      clientId: string;
      /** A text is PEM. */
      privateKey: CryptoKey | KeyObject | JWK | string;
      /** `kid` of the registered key; that of a JWK unless given. */
      keyId?: string;
      /** `RS256`, `PS256`, `ES256` or `EdDSA`; that of the key unless given, `RS256` for an RSA key that does not say. */
      algorithm?: string;
    };

/** What goes into a request of an authenticated client. @internal */
export interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** No longer than the server takes (at most five minutes), and long enough for a clock that is a little off. */
const assertionSeconds = 60;

/**
 * How requests are authenticated; each one anew, since an assertion is good for one use.
 *
 * @param issuer the only audience of an assertion
 * @throws TypeError that says what is missing
 *
 * @internal
 */
export function authenticator(credentials: ServiceCredentials, issuer: string): () => Promise<Authentication> {
  const { clientId } = credentials;
  if (!clientId) throw new TypeError('the clientId is missing');
  if ('privateKey' in credentials) {
    const assertion = assertions(credentials, issuer);
    return async () => ({
      headers: {},
      parameters: {
        client_id: clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(),
      },
    });
  }
  if (!credentials.clientSecret) throw new TypeError('the clientSecret is missing');
  const pair = `${formEncoded(clientId)}:${formEncoded(credentials.clientSecret)}`;
  const headers = { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  return async () => ({ headers, parameters: {} });
}

type KeyCredentials = Extract<ServiceCredentials, { privateKey: unknown }>;

function assertions({ clientId, privateKey: given, keyId, algorithm }: KeyCredentials, issuer: string) {
  const privateKey = keyOf(given);
  const isJwk = !('type' in privateKey);
  const kid = keyId ?? (isJwk ? privateKey.kid : undefined);
  const alg = algorithm ?? algorithmOf(privateKey);
  if (alg === undefined) throw new TypeError('the privateKey does not tell its algorithm: say it in `algorithm`');
  return async (): Promise<string> =>
    new SignJWT()
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(issuer)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${assertionSeconds}s`)
      .sign(isJwk ? await importJWK(privateKey, alg) : privateKey);
}

type Key = Exclude<KeyCredentials['privateKey'], string>;

/** Never with words of what was given: errors are logged. */
function keyOf(given: KeyCredentials['privateKey'] | undefined): Key {
  if (!given) throw new TypeError('the privateKey is missing');
  if (typeof given !== 'string') return given;
  try {
    return createPrivateKey(given);
  } catch {
    throw new TypeError('the privateKey cannot be read');
  }
}

/** By the curve of a key, or else its kind, in the words of JWK, `node:crypto` and Web Cryptography. */
const algorithms: Readonly<Record<string, string>> = {
  rsa: 'RS256',
  'rsassa-pkcs1-v1_5': 'RS256',
  'rsa-pss': 'PS256',
  'p-256': 'ES256',
  prime256v1: 'ES256',
  ed25519: 'EdDSA',
};

function algorithmOf(key: Key): string | undefined {
  if (!('type' in key)) return key.alg ?? algorithms[String(key.crv ?? key.kty).toLowerCase()];
  if (!('algorithm' in key)) {
    const { asymmetricKeyType, asymmetricKeyDetails } = key;
    return algorithms[String(asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType)];
  }
  const {
    name,
    namedCurve = name,
    hash,
  } = key.algorithm as { name: string; namedCurve?: string; hash?: { name: string } };
  return hash === undefined || hash.name === 'SHA-256' ? algorithms[namedCurve.toLowerCase()] : undefined;
}

/** application/x-www-form-urlencoded, as RFC 6749 §2.3.1 wants both halves. */
function formEncoded(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2);
}
