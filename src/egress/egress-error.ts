/**
 * Why a request got no response. Coarse on purpose, because it may be shown to whoever chose the target:
 *
 * - `target_not_allowed`: the target is not one that this process may reach; nothing was sent.
 * - `timeout`: no complete response in time.
 * - `tls_error`: the peer speaks TLS, but not as itself (certificate) or not as it must (version).
 * - `refused`: no such host, nobody there, or the connection broke. For a target in a listed network, whatever speaks neither
 *   TLS nor HTTP is `refused` as well, so that the error does not tell an open port from a closed one.
 * - `too_large`: the header or the body is larger than what is read.
 * - `invalid_response`: what came is not HTTP/1.1.
 */
export type EgressErrorCode =
  'target_not_allowed' | 'timeout' | 'tls_error' | 'refused' | 'too_large' | 'invalid_response';

const sentences: Readonly<Record<EgressErrorCode, string>> = {
  target_not_allowed: 'the target is not one that this server may reach',
  timeout: 'the target did not answer in time',
  tls_error: 'the TLS handshake with the target failed',
  refused: 'the target cannot be reached',
  too_large: 'the response is too large',
  invalid_response: 'the target did not answer with HTTP',
};

/** A request that got no response. Code and message may leave; the `cause` may not. */
export class EgressError extends Error {
  constructor(
    readonly code: EgressErrorCode,
    cause?: unknown,
  ) {
    super(sentences[code], { cause });
    this.name = 'EgressError';
  }
}

const codesOfClient: Readonly<Record<string, EgressErrorCode>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'too_large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'invalid_response',
};

/**
 * The class of whatever went wrong on the way.
 *
 * @param listed whether the target lies in a network that the operator listed
 */
export function egressErrorOf(error: unknown, listed: boolean): EgressError {
  if (error instanceof EgressError) return error;
  const code = textOf(error, 'code');
  const known = codesOfClient[code];
  if (known !== undefined) return new EgressError(known, error);
  // An answer that was none: the banner of another protocol, or HTTP/0.9.
  if (code.startsWith('HPE_')) return new EgressError(listed ? 'refused' : 'invalid_response', error);
  // Answers that HTTP does not allow here: 100, 101.
  if (/^bad (response|upgrade)$/.test(textOf(error, 'message'))) return new EgressError('invalid_response', error);
  return new EgressError('refused', error);
}

/**
 * The class of a failed handshake.
 *
 * @param verified the peer showed a certificate, and it was refused
 */
export function tlsErrorOf(error: Error, verified: boolean, listed: boolean): EgressError {
  const code = textOf(error, 'code');
  const spokeTls = verified || /^ERR_TLS_|_ALERT_|UNSUPPORTED_PROTOCOL/.test(code);
  const isTls = spokeTls || (!listed && /^ERR_SSL_|^EPROTO$/.test(code));
  return new EgressError(isTls ? 'tls_error' : 'refused', error);
}

function textOf(error: unknown, member: 'code' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, member);
  return typeof value === 'string' ? value : '';
}
