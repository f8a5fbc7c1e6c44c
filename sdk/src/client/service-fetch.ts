import { type BreakerOptions, CircuitBreaker } from './circuit-breaker.js';
import type { TokenManager, UsableToken } from './token-manager.js';
import type { TokenTarget } from './token-request.js';

/** How {@link createServiceFetch} works. */
export interface ServiceFetchOptions extends TokenTarget {
  /** Relative URLs are resolved against it; requests go to its origin alone, unless `origins` names more. */
  readonly baseUrl: string;
  readonly origins?: readonly string[];
  /** For each call of the API until its body was read, in milliseconds; the token has its own time. 10000 unless given. */
  readonly timeoutMs?: number;
  /** Leaves an origin alone for a while that keeps failing; off unless given. */
  readonly breaker?: BreakerOptions;
  readonly fetch?: typeof fetch;
}

const maxRedirects = 5;

/** A token that was refused when it was new is not replaced for this time: the next one would be refused, too. */
const hopelessMs = 5_000;

type Body = NonNullable<RequestInit['body']> | null;

interface Call {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Body;
  readonly signal: AbortSignal | undefined;
  readonly redirect: NonNullable<RequestInit['redirect']>;
  /** What `fetch` takes beside, such as a dispatcher. */
  readonly init: RequestInit;
}

interface Answer {
  readonly response: Response;
  /** Whether it is of an origin that saw the token. */
  readonly isOwn: boolean;
  readonly hasNewNonce: boolean;
}

/**
 * A `fetch` for one API: it attaches a token, and on a 401 gets another one and repeats the request once – unless its body is a
 * stream (that of a `Request` included), which cannot be sent again: then the 401 is the answer, and the next request has the new
 * token. The token goes to the origins that were named and to no other one, redirects included.
 *
 * @throws (the function) TypeError for an origin that was not named; TokenRequestError; CircuitOpenError; what `fetch` throws
 */
export function createServiceFetch(manager: TokenManager, options: ServiceFetchOptions) {
  const service = new ServiceFetch(manager, options);
  return (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => service.call(input, init);
}

class ServiceFetch {
  readonly #manager: TokenManager;
  readonly #options: ServiceFetchOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #target: TokenTarget;
  #hopeless: { readonly token: string; readonly until: number } | undefined;

  constructor(manager: TokenManager, options: ServiceFetchOptions) {
    this.#manager = manager;
    this.#options = options;
    this.#origins = new Set([options.baseUrl, ...(options.origins ?? [])].map((url) => new URL(url).origin));
    this.#breaker = options.breaker === undefined ? undefined : new CircuitBreaker(options.breaker);
    this.#target = { scope: options.scope, resource: options.resource };
  }

  async call(input: string | URL | Request, init: RequestInit): Promise<Response> {
    const call = callOf(input, init, this.#options.baseUrl);
    const { origin } = call.url;
    if (!this.#origins.has(origin)) throw new TypeError(`${origin} is not an origin of this API`);
    const token = await unlessAborted(this.#manager.token(this.#target), call.signal);
    this.#breaker?.enter(origin);
    let failed: boolean | undefined = true;
    try {
      const response = await this.#authorized(call, token);
      failed = response.status >= 500;
      return response;
    } catch (error) {
      // Who gives up himself says nothing about the other side.
      if (call.signal?.aborted === true) failed = undefined;
      throw error;
    } finally {
      this.#breaker?.leave(origin, failed);
    }
  }

  async #authorized(call: Call, token: UsableToken): Promise<Response> {
    const { response, isOwn, hasNewNonce } = await this.#followed(call, token);
    if (response.status !== 401 || !isOwn) return response;
    const wantsNonce = hasNewNonce && response.headers.get('www-authenticate')?.includes('use_dpop_nonce') === true;
    const next = wantsNonce ? token : await this.#replacement(token, call.signal);
    if (next === undefined || isStream(call.body)) return response;
    await response.body?.cancel();
    const again = await this.#followed(call, next);
    if (again.response.status === 401 && again.isOwn && next !== token) {
      this.#hopeless = { token: next.value, until: performance.now() + hopelessMs };
    }
    return again.response;
  }

  /** Another token than the one that was refused; `undefined` when there is none. */
  async #replacement({ value }: UsableToken, signal: AbortSignal | undefined): Promise<UsableToken | undefined> {
    if (this.#hopeless?.token === value && performance.now() < this.#hopeless.until) return undefined;
    const next = await unlessAborted(this.#manager.replace(value, this.#target), signal).catch(() => undefined);
    return next?.value === value ? undefined : next;
  }

  /** Redirects by hand: `fetch` would drop the token at another origin, but not its proof. Once dropped, it stays away. */
  async #followed(first: Call, token: UsableToken): Promise<Answer> {
    const signal = withTimeout(first.signal, this.#options.timeoutMs ?? 10_000);
    let call: Call = { ...first, signal };
    let isOwn = true;
    for (let count = 0; ; count += 1) {
      const response = await this.#send(call, isOwn ? token : undefined);
      const hasNewNonce = isOwn && (await this.#manager.takeNonce(call.url.href, response.headers));
      const location = isRedirect(response.status) ? response.headers.get('location') : null;
      if (location === null || call.redirect === 'manual') return { response, isOwn, hasNewNonce };
      if (call.redirect === 'error' || count === maxRedirects) throw new TypeError('the API redirects');
      await response.body?.cancel();
      call = redirected(call, new URL(location, call.url), response.status);
      isOwn &&= this.#origins.has(call.url.origin);
    }
  }

  async #send({ init, url, method, headers, body, signal }: Call, token: UsableToken | undefined): Promise<Response> {
    const sent = new Headers(headers);
    if (token === undefined) {
      for (const name of ['cookie', 'proxy-authorization']) sent.delete(name);
    } else {
      const added = await this.#manager.headers(method, url.href, token);
      for (const [name, value] of Object.entries(added)) sent.set(name, value);
    }
    return (this.#options.fetch ?? fetch)(url, {
      ...init,
      method,
      headers: sent,
      body,
      signal: signal ?? null,
      redirect: 'manual',
      ...(isStream(body) ? { duplex: 'half' } : {}),
    });
  }
}

function callOf(input: string | URL | Request, init: RequestInit, baseUrl: string): Call {
  const request = input instanceof Request ? input : undefined;
  const url = input instanceof Request ? input.url : input;
  const headers = new Headers(init.headers ?? request?.headers);
  if (headers.has('authorization')) throw new TypeError('the Authorization header is the token’s');
  return {
    url: new URL(url, baseUrl),
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    headers,
    body: init.body ?? request?.body ?? null,
    signal: init.signal ?? request?.signal,
    redirect: init.redirect ?? request?.redirect ?? 'follow',
    init,
  };
}

function withTimeout(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}

/** What others wait for as well goes on; only this caller stops waiting. */
async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  let giveUp = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason as Error);
  });
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** As the Fetch standard does: after a 303, and a 301 or 302 of a POST, it is a GET. */
function redirected(call: Call, url: URL, status: number): Call {
  if (!/^https?:$/.test(url.protocol)) throw new TypeError('the API redirects to what is not HTTP');
  const becomesGet =
    (status === 303 && call.method !== 'HEAD') || ([301, 302].includes(status) && call.method === 'POST');
  if (!becomesGet) {
    if (isStream(call.body)) throw new TypeError('the API redirects a request whose body cannot be sent again');
    return { ...call, url };
  }
  const headers = new Headers(call.headers);
  for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) headers.delete(name);
  return { ...call, url, method: 'GET', headers, body: null };
}

function isStream(body: Body): boolean {
  return body instanceof ReadableStream || (typeof body === 'object' && body !== null && Symbol.asyncIterator in body);
}
