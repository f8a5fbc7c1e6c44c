/** One fault of the input: where (JSON Pointer, RFC 6901) and what (RFC 9457 §3, example). */
export interface ProblemFault {
  readonly pointer: string;
  readonly detail: string;
}

/** The optional members of a `Problem`. */
export interface ProblemDetails {
  /** A URI that names the kind of problem; `about:blank` unless given (RFC 9457 §4.2.1). */
  readonly type?: string;
  /** The faults of the input; for bad input only. */
  readonly errors?: readonly ProblemFault[];
  /** Value of `WWW-Authenticate`. */
  readonly challenge?: string;
  /** Value of `Retry-After` in whole seconds. */
  readonly retryAfterSeconds?: number;
  /** The methods of an `Allow` header (RFC 9110 §10.2.1). */
  readonly allow?: readonly string[];
  /** What really happened: for the log, never sent. */
  readonly cause?: unknown;
}

/** The members of an `application/problem+json` body (RFC 9457 §3.1). */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemFault[];
}

const REASON_PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/**
 * A fault as RFC 9457 describes it. Modules subclass it (`class ClientIdTaken extends Problem`), services throw it, the
 * error filter alone writes it. `title` is the reason phrase of the status (RFC 9457 §4.2.1, RFC 9110 §15).
 */
export class Problem extends Error {
  override readonly name: string = 'Problem';
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly type: string;
  readonly errors: readonly ProblemFault[] | undefined;
  readonly challenge: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(status: number, detail: string, details: ProblemDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.title = REASON_PHRASES[status] ?? 'Error';
    this.detail = detail;
    this.type = details.type ?? 'about:blank';
    this.errors = details.errors;
    this.challenge = details.challenge;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.allow = details.allow;
  }
}

/** The body to send for `problem`, members in the order of the contract; `errors` only where there are some. */
export function problemBody(problem: Problem): ProblemBody {
  const { type, title, status, detail, errors } = problem;
  return errors === undefined || errors.length === 0
    ? { type, title, status, detail }
    : { type, title, status, detail, errors };
}

/** Nobody mends more at once, and an input of nothing but faults must not cost an answer longer than itself. */
const mostFaults = 100;

/** 400 with the faults of the input, the first hundred. */
export function badRequest(errors: readonly ProblemFault[], detail = 'the request is not valid'): Problem {
  return new Problem(400, detail, { errors: errors.slice(0, mostFaults) });
}

/** 401; `challenge` is the value of `WWW-Authenticate` (RFC 9110 §15.5.2). */
export function unauthorized(challenge: string, detail = 'a valid access token is needed'): Problem {
  return new Problem(401, detail, { challenge });
}

/** 403; with a challenge where a token had too little scope (RFC 6750 §3.1). */
export function forbidden(detail: string, challenge?: string): Problem {
  return new Problem(403, detail, { challenge });
}

/** 404. */
export function notFound(detail: string): Problem {
  return new Problem(404, detail);
}

/** 405; `allow` are the methods that the path does take (RFC 9110 §15.5.6). */
export function methodNotAllowed(allow: readonly string[]): Problem {
  return new Problem(405, 'this path does not take this method', { allow });
}

/** 409. */
export function conflict(detail: string): Problem {
  return new Problem(409, detail);
}

/** 412: a precondition such as `If-Match` did not hold (RFC 9110 §15.5.13). */
export function preconditionFailed(detail = 'a precondition of the request does not hold'): Problem {
  return new Problem(412, detail);
}

/** 413: the body is over its limit (RFC 9110 §15.5.14). */
export function payloadTooLarge(detail = 'the body is too large'): Problem {
  return new Problem(413, detail);
}

/** 415: the media type or coding of the body is not taken here (RFC 9110 §15.5.16). */
export function unsupportedMediaType(detail = 'this media type is not taken here'): Problem {
  return new Problem(415, detail);
}

/** 503 with `Retry-After` in whole seconds, at least 1 (RFC 9110 §15.6.4). */
export function unavailable(retryAfterSeconds: number, cause?: unknown): Problem {
  return new Problem(503, 'the server cannot answer now, try again later', {
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
    cause,
  });
}
