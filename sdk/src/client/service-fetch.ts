import { type BreakerOptions, CircuitBreaker } from './circuit-breaker.js';
import type { TokenManager, UsableToken } from './token-manager.js';
import type { TokenTarget } from './token-request.js';

/** How {@link createServiceFetch} works. */
export interface ServiceFetchOptions extends TokenTarget {
  /** Relative URLs stand below it; requests go to its origin alone, unless `origins` names more. */
  readonly baseUrl: string;
  readonly origins?: readonly string[];
  /** For the call of the API, in milliseconds, beside that for the token; 10000 unless given. */
  readonly timeoutMs?: number;
  /** Leaves an origin alone for a while that keeps failing; off unless given. */
  readonly breaker?: BreakerOptions;
  readonly fetch?: typeof fetch;
}

const maxRedirects = 5;

type Body = NonNullable<RequestInit['body']> | null;

interface Call {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Body;
  readonly signal: AbortSignal;
  readonly redirect: NonNullable<RequestInit['redirect']>;
}

/**
 * A `fetch` for one API: it attaches a token, and on a 401 gets another one and repeats the request once, if its body can be sent
 * again. The token goes to the origins that were named and to no other one, redirects included.
 *
 * @throws (the function) TypeError for an origin that was not named; TokenRequestError; CircuitOpenError; what `fetch` throws
 */
export function createServiceFetch(manager: TokenManager, options: ServiceFetchOptions) {
  return new ServiceFetch(manager, options).handler();
}

class ServiceFetch {
  private readonly origins: ReadonlySet<string>;
  private readonly breaker: CircuitBreaker | undefined;
  private readonly target: TokenTarget;

  constructor(
    private readonly manager: TokenManager,
    private readonly options: ServiceFetchOptions,
  ) {
    const named = [options.baseUrl, ...(options.origins ?? [])];
    this.origins = new Set(named.map((url) => new URL(url).origin));
    this.breaker = options.breaker === undefined ? undefined : new CircuitBreaker(options.breaker);
    this.target = { scope: options.scope, resource: options.resource };
  }

  handler() {
    return (input: string | URL, init: RequestInit = {}): Promise<Response> => this.call(input, init);
  }

  private async call(input: string | URL, init: RequestInit): Promise<Response> {
    const url = new URL(input, this.options.baseUrl);
    if (!this.origins.has(url.origin)) throw new TypeError(`${url.origin} is not an origin of this API`);
    const call = this.callOf(url, init);
    this.breaker?.enter(url.origin);
    let failed = true;
    try {
      const response = await this.authorized(call, await this.manager.token(this.target));
      failed = response.status >= 500;
      return response;
    } catch (error) {
      // Who gives up himself says nothing about the other side.
      if (init.signal?.aborted === true) failed = false;
      throw error;
    } finally {
      this.breaker?.leave(url.origin, failed);
    }
  }

  private callOf(url: URL, init: RequestInit): Call {
    const timeout = AbortSignal.timeout(this.options.timeoutMs ?? 10_000);
    const headers = new Headers(init.headers);
    if (headers.has('authorization')) throw new TypeError('the Authorization header is the token’s');
    return {
      url,
      method: (init.method ?? 'GET').toUpperCase(),
      headers,
      body: init.body ?? null,
      signal: init.signal ? AbortSignal.any([timeout, init.signal]) : timeout,
      redirect: init.redirect ?? 'follow',
    };
  }

  private async authorized(call: Call, token: UsableToken): Promise<Response> {
    const response = await this.followed(call, token);
    if (response.status !== 401 || !isRepeatable(call.body)) return response;
    const hasNewNonce = await this.manager.takeNonce(call.url.href, response.headers);
    const next =
      hasNewNonce && response.headers.get('www-authenticate')?.includes('use_dpop_nonce') === true
        ? token
        : await this.manager.replace(token.value, this.target).catch(() => undefined);
    if (next === undefined) return response;
    await response.body?.cancel();
    return this.followed(call, next);
  }

  /** Redirects by hand: `fetch` would drop the token at another origin, but not its proof. */
  private async followed(first: Call, token: UsableToken): Promise<Response> {
    let call = first;
    for (let count = 0; ; count += 1) {
      const response = await this.send(call, token);
      const location = isRedirect(response.status) ? response.headers.get('location') : null;
      if (location === null || call.redirect === 'manual') return response;
      if (call.redirect === 'error' || count === maxRedirects) throw new TypeError('the API redirects');
      await response.body?.cancel();
      call = redirected(call, new URL(location, call.url), response.status);
    }
  }

  private async send({ url, method, headers, body, signal }: Call, token: UsableToken): Promise<Response> {
    const sent = new Headers(headers);
    if (this.origins.has(url.origin)) {
      const added = await this.manager.headers(method, url.href, token);
      for (const [name, value] of Object.entries(added)) sent.set(name, value);
    } else {
      sent.delete('cookie');
    }
    const init = { method, headers: sent, body, signal, redirect: 'manual' } as const;
    return (this.options.fetch ?? fetch)(url, isStream(body) ? { ...init, duplex: 'half' } : init);
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** As the Fetch standard does: after a 303, and a 301 or 302 of a POST, it is a GET. */
function redirected(call: Call, url: URL, status: number): Call {
  const becomesGet =
    (status === 303 && call.method !== 'HEAD') || ([301, 302].includes(status) && call.method === 'POST');
  if (!becomesGet) {
    if (!isRepeatable(call.body)) throw new TypeError('the API redirects a request whose body cannot be sent again');
    return { ...call, url };
  }
  const headers = new Headers(call.headers);
  for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) headers.delete(name);
  return { ...call, url, method: 'GET', headers, body: null };
}

function isStream(body: Body): boolean {
  return body instanceof ReadableStream || (typeof body === 'object' && body !== null && Symbol.asyncIterator in body);
}

function isRepeatable(body: Body): boolean {
  return !isStream(body);
}
