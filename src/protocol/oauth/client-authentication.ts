import { decodeFormComponent, type Form, singleParameter } from '../form.js';
import { type ClientAssertion, readClientAssertion } from './client-assertion.js';
import { invalidClient, invalidRequest } from './error.js';

/** What a client proves itself with (RFC 6749 §2.3). Not yet believed: `clients/` checks it. */
export type ClientCredentials =
  | ({
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      readonly clientSecret: string;
    } & Stated)
  /** `clientId`: the `sub` of the assertion (RFC 7523 §3). */
  | ({ readonly method: 'client_assertion'; readonly clientId: string; readonly assertion: ClientAssertion } & Stated)
  /** A `client_id` alone: the certificate of the connection must speak for it (RFC 8705 §2). */
  | { readonly method: 'tls_client'; readonly clientId: string };

/** What the form says beside the credentials. */
interface Stated {
  /** It names another client: whoever proves to be this one is refused nevertheless ({@link otherClient}). */
  readonly namesOther?: true;
}

const JWT_BEARER_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const MAX_CLIENT_ID_LENGTH = 256;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads how a client authenticates: HTTP Basic, `client_id` and `client_secret` in the form (RFC 6749 §2.3.1), an assertion
 * (RFC 7521 §4.2), or `client_id` alone beside a certificate (RFC 8705 §2).
 *
 * @param authorization value of the `Authorization` header, if there was one
 * @throws OAuthError `invalid_request` for two ways at once, a repeated parameter, or an assertion without its type (RFC 6749
 *   §2.3, RFC 7521 §4.2); else `invalid_client`, with the reason `no_credentials`, `unsupported_scheme`,
 *   `malformed_credentials`, or that of a malformed assertion
 */
export function readClientCredentials(authorization: string | undefined, form: Form): ClientCredentials {
  const hasSecret = form.has('client_secret');
  const hasAssertion = form.has('client_assertion') || form.has('client_assertion_type');
  if (authorization !== undefined) {
    const encoded = basicCredentials(authorization);
    // A comma stands between two header fields; no credentials of Basic hold one.
    if (hasSecret || hasAssertion || encoded.includes(',')) throw twoWays();
    return readBasic(encoded, singleParameter(form, 'client_id'));
  }
  if (hasAssertion) {
    if (hasSecret) throw twoWays();
    return readAssertion(form);
  }
  return readPost(form);
}

/** RFC 7521 §4.2, security.md J-11: a `client_id` beside the credentials must be that of the client which they are of. */
export function otherClient(): Error {
  return invalidRequest('the parameter client_id is not the authenticated client');
}

function stated(credentials: ClientCredentials, bodyClientId: string | undefined): ClientCredentials {
  const agrees = bodyClientId === undefined || bodyClientId === credentials.clientId;
  return agrees || credentials.method === 'tls_client' ? credentials : { ...credentials, namesOther: true };
}

function twoWays(): Error {
  return invalidRequest('the client must authenticate in one way only');
}

/** What follows the scheme, which is Basic in any case, and one space (RFC 7617 §2). */
function basicCredentials(authorization: string): string {
  const space = authorization.indexOf(' ');
  const scheme = space === -1 ? authorization : authorization.slice(0, space);
  if (scheme !== 'Basic' && scheme.toLowerCase() !== 'basic') throw invalidClient('unsupported_scheme');
  return authorization.slice(scheme.length + 1);
}

function readBasic(encoded: string, bodyClientId: string | undefined): ClientCredentials {
  if (!isStrictBase64(encoded)) throw invalidClient('malformed_credentials');
  const clear = decodeBase64(encoded);
  const colon = clear.indexOf(':');
  if (colon === -1) throw invalidClient('malformed_credentials');
  const clientId = decodeFormComponent(clear.slice(0, colon));
  const clientSecret = decodeFormComponent(clear.slice(colon + 1));
  if (clientId === null || clientSecret === null || clientSecret === '' || !isClientIdShaped(clientId)) {
    throw invalidClient('malformed_credentials');
  }
  return stated({ method: 'client_secret_basic', clientId, clientSecret }, bodyClientId);
}

function decodeBase64(encoded: string): string {
  const bytes = atob(encoded);
  return isAscii(bytes) ? bytes : decodeUtf8(bytes);
}

/**
 * RFC 4648 §3.3, §3.5 and §4: the plain alphabet, padding, no foreign characters, no stray bits in the last group.
 * Decoders of the platform are more forgiving, which would give one secret many spellings (security.md A-05).
 */
function isStrictBase64(text: string): boolean {
  const length = text.length;
  if (length === 0 || length % 4 !== 0) return false;
  let end = length;
  if (text.charCodeAt(end - 1) === 0x3d) end -= text.charCodeAt(end - 2) === 0x3d ? 2 : 1;
  for (let i = 0; i < end; i++) if (base64Value(text.charCodeAt(i)) === -1) return false;
  if (end === length) return true;
  const strayBits = length - end === 1 ? 0b11 : 0b1111;
  return (base64Value(text.charCodeAt(end - 1)) & strayBits) === 0;
}

function base64Value(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code === 0x2b) return 62;
  return code === 0x2f ? 63 : -1;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function decodeUtf8(binary: string): string {
  try {
    return utf8.decode(Uint8Array.from(binary, (byte) => byte.charCodeAt(0)));
  } catch {
    throw invalidClient('malformed_credentials');
  }
}

/** RFC 6749 Appendix A.1: a client_id is made of VSCHAR; anything else cannot be registered and stays out of queries. */
function isClientIdShaped(clientId: string): boolean {
  const length = clientId.length;
  if (length === 0 || length > MAX_CLIENT_ID_LENGTH) return false;
  for (let i = 0; i < length; i++) {
    const code = clientId.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** RFC 7521 §4.2: an assertion comes with its type, and both once. */
function readAssertion(form: Form): ClientCredentials {
  const type = singleParameter(form, 'client_assertion_type');
  const text = singleParameter(form, 'client_assertion');
  const bodyClientId = singleParameter(form, 'client_id');
  if (type !== JWT_BEARER_ASSERTION) {
    throw invalidRequest('the parameter client_assertion_type is missing or not supported');
  }
  if (text === undefined) throw invalidRequest('the parameter client_assertion is missing');
  const assertion = readClientAssertion(text);
  if (typeof assertion === 'string') throw invalidClient(assertion);
  const { clientId } = assertion;
  if (!isClientIdShaped(clientId)) throw invalidClient('malformed_credentials');
  return stated({ method: 'client_assertion', clientId, assertion }, bodyClientId);
}

function readPost(form: Form): ClientCredentials {
  const clientId = singleParameter(form, 'client_id');
  const clientSecret = singleParameter(form, 'client_secret');
  if (clientSecret !== undefined && clientId === undefined) throw invalidRequest('the parameter client_id is missing');
  if (clientId === undefined) throw invalidClient('no_credentials');
  if (!isClientIdShaped(clientId)) throw invalidClient('malformed_credentials');
  if (clientSecret !== undefined) return { method: 'client_secret_post', clientId, clientSecret };
  if (form.has('client_secret')) throw invalidClient('no_credentials');
  return { method: 'tls_client', clientId };
}
