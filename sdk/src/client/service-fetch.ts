import { type BreakerOptions, circuitBreaker } from './circuit-breaker.js';
import { monotonic } from './monotonic.js';
import type { TokenManager } from './token-manager.js';
import type { TokenTarget } from './token-request.js';
import type { UsableToken } from './token-source.js';

/** How {@link createServiceFetch} works. */
export interface ServiceFetchOptions extends TokenTarget {
  /** Relative URLs are resolved against it; requests go to its origin alone, unless `origins` names more. */
  baseUrl: string;
  origins?: readonly string[];
  /** For each call of the API until its body was read, in milliseconds; the token has its own time. 10000 unless given. */
  timeoutMs?: number;
  /** Leaves an origin alone for a while that keeps failing; off unless given. */
  breaker?: BreakerOptions;
  fetch?: typeof fetch;
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
 * stream (that of a `Request` included): then the 401 is the answer. The token goes to no other origin, redirects included.
 *
 * @throws (the function) TypeError for an origin that was not named; TokenRequestError; CircuitOpenError; what `fetch` throws
 */
export function createServiceFetch(manager: TokenManager, options: ServiceFetchOptions) {
  const origins = new Set([options.baseUrl, ...(options.origins ?? [])].map((url) => new URL(url).origin));
  const target = { scope: options.scope, resource: options.resource };
  const breaker = options.breaker === undefined ? undefined : circuitBreaker(options.breaker);
  const authorized = authorizedBy(manager, target, followingOf(manager, options, origins));
  return async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const call = callOf(input, init, options.baseUrl);
    const { origin } = call.url;
    if (!origins.has(origin)) throw new TypeError(`${origin} is not an origin of this API`);
    const token = await unlessAborted(manager.token(target), call.signal);
    breaker?.enter(origin);
    let failed: boolean | undefined = true;
    try {
      const response = await authorized(call, token);
      failed = response.status >= 500;
      return response;
    } catch (error) {
      // Who gives up himself says nothing about the other side.
      if (call.signal?.aborted === true) failed = undefined;
      throw error;
    } finally {
      breaker?.leave(origin, failed);
    }
  };
}

type Following = (call: Call, token: UsableToken) => Promise<Answer>;

/** After a 401, another token, and the request once more. */
function authorizedBy(manager: TokenManager, target: TokenTarget, followed: Following) {
  let hopeless: { readonly token: string; readonly until: number } | undefined;

  /** Another token than the one that was refused; `undefined` when there is none. */
  const replacement = async ({ value }: UsableToken, signal: AbortSignal | undefined) => {
    if (hopeless?.token === value && monotonic() < hopeless.until) return undefined;
    const next = await unlessAborted(manager.replace(value, target), signal).catch(() => undefined);
    return next?.value === value ? undefined : next;
  };
  return async (call: Call, token: UsableToken): Promise<Response> => {
    const { response, isOwn, hasNewNonce } = await followed(call, token);
    if (response.status !== 401 || !isOwn) return response;
    const wantsNonce = hasNewNonce && response.headers.get('www-authenticate')?.includes('use_dpop_nonce') === true;
    const next = wantsNonce ? token : await replacement(token, call.signal);
    if (next === undefined || isStream(call.body)) return response;
    await response.body?.cancel();
    const again = await followed(call, next);
    if (again.response.status === 401 && again.isOwn && next !== token) {
      hopeless = { token: next.value, until: monotonic() + hopelessMs };
    }
    return again.response;
  };
}

/** Redirects by hand: `fetch` would drop the token at another origin, but not its proof. Once dropped, it stays away. */
function followingOf(manager: TokenManager, options: ServiceFetchOptions, origins: ReadonlySet<string>): Following {
  const send = async ({ init, signal, ...call }: Call, token: UsableToken | undefined): Promise<Response> => {
    const headers = new Headers(call.headers);
    if (token === undefined) {
      for (const name of ['cookie', 'proxy-authorization']) headers.delete(name);
    } else {
      const added = await manager.headers(call.method, call.url.href, token);
      for (const [name, value] of Object.entries(added)) headers.set(name, value);
    }
    return (options.fetch ?? fetch)(call.url, {
      ...init,
      method: call.method,
      headers,
      body: call.body,
      signal: signal ?? null,
      redirect: 'manual',
      ...(isStream(call.body) ? { duplex: 'half' } : {}),
    });
  };
  return async (first, token) => {
    let call: Call = { ...first, signal: withTimeout(first.signal, options.timeoutMs ?? 10_000) };
    let isOwn = true;
    for (let count = 0; ; count += 1) {
      const response = await send(call, isOwn ? token : undefined);
      const hasNewNonce = isOwn && (await manager.takeNonce(call.url.href, response.headers));
      const location = isRedirect(response.status) ? response.headers.get('location') : null;
      if (location === null || call.redirect === 'manual') return { response, isOwn, hasNewNonce };
      if (call.redirect === 'error' || count === maxRedirects) throw new TypeError('the API redirects');
      await response.body?.cancel();
      call = redirected(call, new URL(location, call.url), response.status);
      isOwn &&= origins.has(call.url.origin);
    }
  };
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
