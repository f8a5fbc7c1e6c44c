/** Why there is no token. `transient`: asking again later may help. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';

  /** @internal */
  constructor(
    message: string,
    /** The `error` of RFC 6749 §5.2, or `network_error`, `timeout`, `invalid_response`, `request_failed`. */
    readonly code: string,
    readonly transient: boolean,
    /** Milliseconds that the server asked to wait. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The other side failed too often a moment ago, and is left alone for a while. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';

  /** @internal */
  constructor(readonly origin: string) {
    super(`${origin} failed repeatedly; it is asked again after a pause`);
  }
}
