import type { IncomingHttpHeaders } from 'node:http';
import type { TokenError } from './errors.js';
import type { PresentedToken } from './token-verifier.js';

/** What a middleware needs to know beside the verifier. */
export interface RequireTokenOptions {
  /** The token must hold each of them; a text may name several, space-delimited. */
  scope?: string | readonly string[];
  /**
   * As clients see it, such as `https://orders.example.com`: proofs of bound tokens name it. `http:` and the `Host` header unless
   * given, which a proxy, or an attacker with a proof for another API, may have written.
   */
  origin?: string | undefined;
}

/** What a request of `node:http` shows. @param path as it came, before any router cut it @internal */
export function presentedBy(
  { method = 'GET', headers }: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  path: string,
  origin = `http://${headers.host ?? 'localhost'}`,
): PresentedToken {
  const { authorization, dpop } = headers;
  return {
    authorization,
    dpop: typeof dpop === 'string' ? dpop : undefined,
    request: { method, url: `${origin}${path}` },
  };
}

/** The answer to a request whose token is not good (RFC 6750 §3). @internal */
export function answerTo({ status, headers, message }: TokenError) {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify({ type: 'about:blank', title: message, status }),
  };
}
