/** The error codes this server may answer with (RFC 6749 §5.2, RFC 8707 §2, RFC 9449 §5 and §8). */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'temporarily_unavailable'
  | 'server_error'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

/** What an `OAuthError` is made of; see the members of `OAuthError`. */
export interface OAuthErrorDetails {
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly description: string;
  readonly reason?: string;
  readonly auditDetails?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  readonly challenge?: string;
  readonly retryAfterSeconds?: number;
  readonly dpopNonce?: string;
}

/** The body of a failed OAuth request (RFC 6749 §5.2). */
export interface OAuthErrorBody {
  readonly error: OAuthErrorCode;
  readonly error_description: string;
}

const MAX_DESCRIPTION_LENGTH = 300;

/**
 * A refusal of an OAuth endpoint (RFC 6749 §5.2). `code` and `description` leave the server, `reason` and `cause`
 * never do: they are for the audit log and the operator.
 */
export class OAuthError extends Error {
  override readonly name: string = 'OAuthError';
  readonly code: OAuthErrorCode;
  /** HTTP status code of the answer. */
  readonly status: number;
  /** The sentence that may leave: printable ASCII without `"` and `\`, whatever the constructor was given. */
  readonly description: string;
  /** A short machine word for the audit log, such as `wrong_secret`; never leaves. */
  readonly reason: string;
  /** What the audit log says beside the reason; never leaves. */
  readonly auditDetails: Readonly<Record<string, unknown>> | undefined;
  /** Value of `WWW-Authenticate`, where one is due. */
  readonly challenge: string | undefined;
  /** Value of `Retry-After` in whole seconds, where one is due. */
  readonly retryAfterSeconds: number | undefined;
  /** Value of `DPoP-Nonce`, where the client must use it (RFC 9449 §8). */
  readonly dpopNonce: string | undefined;

  constructor(details: OAuthErrorDetails) {
    const description = describable(details.description);
    super(description, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.status = details.status;
    this.description = description;
    this.reason = details.reason ?? details.code;
    this.auditDetails = details.auditDetails;
    this.challenge = details.challenge;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.dpopNonce = details.dpopNonce;
  }
}

/** RFC 6749 §5.2: `error_description` must not hold characters outside %x20-21 / %x23-5B / %x5D-7E. */
function describable(text: string): string {
  return text
    .slice(0, MAX_DESCRIPTION_LENGTH)
    .replaceAll('"', "'")
    .replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}

/** The body to send for `error` (RFC 6749 §5.2); nothing but code and description. */
export function oauthErrorBody(error: OAuthError): OAuthErrorBody {
  return { error: error.code, error_description: error.description };
}

/** 400 `invalid_request`: malformed, repeated or missing parameters (RFC 6749 §5.2). */
export function invalidRequest(description: string, cause?: unknown): OAuthError {
  return new OAuthError({ code: 'invalid_request', status: 400, description, cause });
}

/**
 * 401 `invalid_client` with the Basic challenge (RFC 6749 §5.2). The answer is the same whatever the reason, so that
 * nobody learns which clients exist (security.md A-01); `reason` is for the audit log only.
 */
export function invalidClient(reason: string, cause?: unknown): OAuthError {
  return new OAuthError({
    code: 'invalid_client',
    status: 401,
    description: 'client authentication failed',
    reason,
    cause,
    challenge: 'Basic realm="oauth"',
  });
}

/** 400 `invalid_grant`: a refresh token or an assertion that is bad, expired, revoked or another client's (RFC 6749 §5.2). */
export function invalidGrant(reason: string, auditDetails: Readonly<Record<string, unknown>> = {}): OAuthError {
  return new OAuthError({
    code: 'invalid_grant',
    status: 400,
    description: 'the grant is not valid, or no longer',
    reason,
    auditDetails,
  });
}

/** 400 `unauthorized_client`: the grant is not registered for this client (RFC 6749 §5.2). */
export function unauthorizedClient(description: string, cause?: unknown): OAuthError {
  return new OAuthError({ code: 'unauthorized_client', status: 400, description, cause });
}

/** 400 `unsupported_grant_type`: the server does not know this grant (RFC 6749 §5.2). */
export function unsupportedGrantType(description: string, cause?: unknown): OAuthError {
  return new OAuthError({ code: 'unsupported_grant_type', status: 400, description, cause });
}

/** 400 `invalid_scope`: malformed, unknown or not allowed (RFC 6749 §5.2). */
export function invalidScope(description: string, cause?: unknown): OAuthError {
  return new OAuthError({ code: 'invalid_scope', status: 400, description, cause });
}

/** 400 `invalid_target`: a resource that is malformed or not allowed (RFC 8707 §2). */
export function invalidTarget(description: string, cause?: unknown): OAuthError {
  return new OAuthError({ code: 'invalid_target', status: 400, description, cause });
}

/**
 * 400 `invalid_dpop_proof`: the DPoP proof is missing or does not stand the checks (RFC 9449 §5).
 *
 * @param reason a word for the audit log
 */
export function invalidDpopProof(reason: string, description = 'the DPoP proof is not valid'): OAuthError {
  return new OAuthError({ code: 'invalid_dpop_proof', status: 400, description, reason });
}

/** 400 `use_dpop_nonce`: the client is to come again with `nonce` in its DPoP proof (RFC 9449 §8). */
export function useDpopNonce(nonce: string): OAuthError {
  return new OAuthError({
    code: 'use_dpop_nonce',
    status: 400,
    description: 'the DPoP proof needs the nonce of this server',
    dpopNonce: nonce,
  });
}

const UNAVAILABLE = { 429: 'too many requests', 503: 'the server cannot answer now, try again later' } as const;

/** `temporarily_unavailable`: 429 over a limit, 503 when a dependency is down; with `Retry-After` in whole seconds. */
export function temporarilyUnavailable(status: 429 | 503, retryAfterSeconds: number, cause?: unknown): OAuthError {
  return new OAuthError({
    code: 'temporarily_unavailable',
    status,
    description: UNAVAILABLE[status],
    reason: status === 429 ? 'rate_limited' : 'unavailable',
    cause,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
  });
}

/** 500 `server_error`: a fault of ours; what happened stays in `cause`. */
export function serverError(cause?: unknown): OAuthError {
  return new OAuthError({
    code: 'server_error',
    status: 500,
    description: 'the server met an unexpected fault',
    cause,
  });
}
