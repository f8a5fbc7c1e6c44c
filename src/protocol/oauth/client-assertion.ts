import { decodeJws } from '../jose/decoded-jws.js';
import { publicKeyAlgorithms, type PublicKeyAlgorithm } from '../jose/public-key.js';

/** The algorithms that client assertions may be signed with (RFC 8414 §2 `token_endpoint_auth_signing_alg_values_supported`). */
export const clientAssertionAlgorithms: readonly PublicKeyAlgorithm[] = publicKeyAlgorithms;

/** A client assertion as it was sent (RFC 7523 §2.2): well-formed, and nothing of it believed yet. */
export interface ClientAssertion {
  readonly algorithm: PublicKeyAlgorithm;
  readonly keyId: string | undefined;
  /** `sub`: whom it speaks for. */
  readonly clientId: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the signature is over: the first two parts (RFC 7515 §5.2). */
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

/** Why an assertion was refused: for the audit log, never for the client. */
export type ClientAssertionFault =
  | 'assertion_malformed'
  | 'assertion_header'
  | 'assertion_algorithm'
  | 'assertion_type'
  | 'assertion_issuer'
  | 'assertion_audience'
  | 'assertion_time'
  | 'assertion_lifetime'
  | 'assertion_identifier';

/** What a valid assertion leaves behind. */
export interface CheckedAssertion {
  /** `jti`: to be used up. */
  readonly identifier: string;
  /** `exp`, seconds since the epoch. */
  readonly expiresAt: number;
}

/** Seconds that an assertion may live (http-api.md, `POST /oauth/token`). */
const maxLifeSeconds = 300;
/** Seconds that the clock of a client may differ from ours (security.md threat 35). */
const skewSeconds = 10;
const maxIdentifierLength = 256;

/**
 * Members that would let the sender choose the key, or change what the signature is over. None is needed here, so none is
 * looked past (RFC 8725bis §3.10, RFC 7515 §4.1.11, RFC 7797 §3).
 */
const refusedHeaders = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64'];

/** `typ` that a client assertion may have: none of another kind of JWT (RFC 8725bis §3.11). */
const types: ReadonlySet<string> = new Set(['jwt', 'client-authentication+jwt']);

/**
 * Reads a client assertion (RFC 7523 §3 item 9).
 *
 * @returns the assertion, or why it is none
 */
export function readClientAssertion(text: string): ClientAssertion | ClientAssertionFault {
  const decoded = decodeJws(text);
  if (decoded === undefined) return 'assertion_malformed';
  const { header, claims, signingInput, signature } = decoded;
  if (refusedHeaders.some((name) => Object.hasOwn(header, name))) return 'assertion_header';
  const { alg, kid, typ } = header;
  const algorithm = clientAssertionAlgorithms.find((one) => one === alg);
  if (algorithm === undefined) return 'assertion_algorithm';
  if (typ !== undefined && !isAssertionType(typ)) return 'assertion_type';
  if (kid !== undefined && !isBoundedText(kid)) return 'assertion_header';
  const { sub } = claims;
  if (!isBoundedText(sub)) return 'assertion_issuer';
  return { algorithm, keyId: kid, clientId: sub, claims, signingInput, signature };
}

/**
 * Checks the claims (RFC 7523 §3, with the audience of rfc7523bis): `iss` and `sub` are the client, `aud` is this server and
 * nobody else, character by character; it ends, soon; and it has an identifier.
 *
 * @param issuer identifier of this server
 * @param now milliseconds since the epoch
 * @returns what remains to be used up, or what is wrong
 */
export function checkClientAssertion(
  { claims, clientId }: ClientAssertion,
  issuer: string,
  now: number,
): CheckedAssertion | ClientAssertionFault {
  if (claims['iss'] !== clientId) return 'assertion_issuer';
  // A string, not a list of one: nobody who reads lists otherwise can take it for meant for him (FAPI 2.0 §5.3.2.1).
  if (claims['aud'] !== issuer) return 'assertion_audience';
  const { exp, iat, nbf, jti } = claims;
  const seconds = Math.floor(now / 1000);
  if (!isTime(exp) || !isPastOrAbsent(iat, seconds) || !isPastOrAbsent(nbf, seconds)) return 'assertion_time';
  if (exp + skewSeconds <= seconds) return 'assertion_time';
  if (exp - seconds > maxLifeSeconds + skewSeconds) return 'assertion_lifetime';
  // Both times are of one clock, so there is nothing to tolerate.
  if (iat !== undefined && exp - iat > maxLifeSeconds) return 'assertion_lifetime';
  if (!isBoundedText(jti)) return 'assertion_identifier';
  return { identifier: jti, expiresAt: exp };
}

/** RFC 7515 §4.1.9: compared in any case; a `typ` without a slash stands for one with `application/` before it. */
function isAssertionType(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const type = value.toLowerCase();
  return types.has(type.startsWith('application/') ? type.slice('application/'.length) : type);
}

function isBoundedText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxIdentifierLength;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPastOrAbsent(value: unknown, seconds: number): value is number | undefined {
  return value === undefined || (isTime(value) && value <= seconds + skewSeconds);
}
