import {
  invalidClient,
  invalidDpopProof,
  invalidRequest,
  invalidScope,
  invalidTarget,
  OAuthError,
  oauthErrorBody,
  serverError,
  temporarilyUnavailable,
  unauthorizedClient,
  unsupportedGrantType,
  useDpopNonce,
} from './error.js';

describe('RFC 6749 §5.2 error answers', () => {
  it.each([
    [invalidRequest('x'), 'invalid_request', 400],
    [invalidClient('unknown_client'), 'invalid_client', 401],
    [unauthorizedClient('x'), 'unauthorized_client', 400],
    [unsupportedGrantType('x'), 'unsupported_grant_type', 400],
    [invalidScope('x'), 'invalid_scope', 400],
    [invalidTarget('x'), 'invalid_target', 400],
    [invalidDpopProof('x'), 'invalid_dpop_proof', 400],
    [useDpopNonce('n'), 'use_dpop_nonce', 400],
    [temporarilyUnavailable(429, 7), 'temporarily_unavailable', 429],
    [temporarilyUnavailable(503, 1), 'temporarily_unavailable', 503],
    [serverError(), 'server_error', 500],
  ])('%s is %s with status %i', (error, code, status) => {
    expect(error).toBeInstanceOf(OAuthError);
    expect(error).toMatchObject({ code, status });
    expect(oauthErrorBody(error).error).toBe(code);
  });

  it('A-01: answers every failed client authentication with the same bytes', () => {
    const reasons = ['unknown_client', 'wrong_secret', 'secret_expired', 'client_disabled', 'no_credentials'];
    const answers = reasons.map((reason) => {
      const error = invalidClient(reason, new Error(reason));
      expect(error.reason).toBe(reason);
      return JSON.stringify([error.status, error.challenge, error.retryAfterSeconds ?? null, oauthErrorBody(error)]);
    });
    expect(new Set(answers)).toEqual(
      new Set([
        '[401,"Basic realm=\\"oauth\\"",null,{"error":"invalid_client","error_description":"client authentication failed"}]',
      ]),
    );
  });

  it('keeps cause and reason out of the body', () => {
    const body = oauthErrorBody(invalidRequest('no', new Error('SELECT secret')));
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it.each([
    ['a "quoted" word', "a 'quoted' word"],
    ['back\\slash', 'back?slash'],
    ['line\r\nbreak\0', 'line??break?'],
    ['é and 😀', '? and ??'],
    ['x'.repeat(5000), 'x'.repeat(300)],
  ])('makes %j printable ASCII without quote and backslash', (given, expected) => {
    expect(invalidRequest(given).description).toBe(expected);
  });

  it.each([
    [0, 1],
    [0.2, 1],
    [4.5, 5],
  ])('answers Retry-After %d as %i whole seconds', (given, expected) => {
    expect(temporarilyUnavailable(503, given).retryAfterSeconds).toBe(expected);
  });

  it('keeps the cause for the log', () => {
    const cause = new Error('connection refused');
    expect(temporarilyUnavailable(503, 1, cause).cause).toBe(cause);
    expect('cause' in invalidRequest('x')).toBe(false);
  });

  it('RFC 9449 §8: the nonce travels beside the body', () => {
    const error = useDpopNonce('the-nonce');
    expect(error.dpopNonce).toBe('the-nonce');
    expect(JSON.stringify(oauthErrorBody(error))).not.toContain('the-nonce');
  });
});
