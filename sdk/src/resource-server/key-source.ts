import { type CryptoKey, importJWK, type JWK } from 'jose';
import { monotonic } from '../client/monotonic.js';
import { unlessLate } from '../client/unless-late.js';
import { invalidToken, TokenError } from './errors.js';
import { fetchJson } from './json-document.js';

/** Where keys come from, and for how long they are believed. @internal */
export interface KeySourceOptions {
  readonly issuer: string;
  /** Found by discovery (RFC 8414) unless given. */
  readonly jwksUri: string | undefined;
  readonly algorithms: readonly string[];
  /** Milliseconds that keys are used while the server is away. */
  readonly maxStaleMs: number;
  readonly fetch: typeof fetch;
}

interface PublicKey {
  readonly key: CryptoKey;
  readonly alg: string;
}

interface KeySet {
  readonly keys: ReadonlyMap<string, PublicKey>;
  /** By the monotonic clock. */
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

const mostFreshMs = 300_000;

/** Between two fetches that an unknown `kid` asks for: tokens with invented ones must not become requests. */
const betweenMs = 30_000;

/** After a fetch that failed: requests must not wait for a server that is away, one after the other. */
const afterFailureMs = 1_000;

/** Since the begin of a fetch: longer nobody waits for keys that are merely newer. */
const patienceMs = 500;

/**
 * The keys of one issuer: fetched once however many wait for them, again when they are old or a `kid` is unknown, and used on
 * for a bounded time while the server is away. `kid` is a name to look up, and the algorithm is the key's.
 *
 * @internal
 */
export interface KeySource {
  /**
   * The key for a token with this header.
   *
   * @throws TokenError `invalid_token` for a key that the server does not publish, `unavailable` when that cannot be known
   */
  find(kid: string, alg: string): Promise<CryptoKey>;
  /** Fetches at the next look, as after news of a rotation or a revocation. */
  expire(): void;
}

/** Makes one; nothing is fetched yet. @internal */
export function keySource(options: KeySourceOptions): KeySource {
  const sets = keySets(options);
  const { current, expire } = sets;
  const refresh = refresher(options, sets);
  /** That an unknown `kid` asked for; whoever comes meanwhile waits for it as well. */
  let refetch: { readonly at: number; readonly set?: Promise<KeySet> } = { at: -Infinity };

  const refetched = (old: KeySet): Promise<KeySet> | undefined => {
    if (monotonic() - refetch.at >= betweenMs) {
      const at = monotonic();
      const set = refresh(old).finally(() => {
        refetch = { at };
      });
      refetch = { at, set };
    }
    return refetch.set;
  };
  return {
    find: async (kid, alg) => {
      const asked = monotonic();
      const old = current();
      const isTold = old?.freshUntil === -Infinity;
      let set = old !== undefined && asked < old.freshUntil ? old : await refresh(old, !isTold);
      if (!set.keys.has(kid) && set.fetchedAt < asked) set = (await refetched(set)) ?? set;
      const found = set.keys.get(kid);
      if (found?.alg !== alg) throw invalidToken('the token is signed with an unknown key');
      return found.key;
    },
    expire,
  };
}

/** Fetches: those who wait share it, and after a failure there is a pause. With `isEnough`, `old` will do if the server is slow. */
function refresher({ maxStaleMs }: KeySourceOptions, { fetchOnce, begunAt }: ReturnType<typeof keySets>) {
  let failure: { readonly at: number; readonly cause: unknown } | undefined;

  const fetched = (): Promise<KeySet | undefined> =>
    fetchOnce().then(
      (set) => {
        failure = undefined;
        return set;
      },
      (cause: unknown) => {
        failure = { at: monotonic(), cause };
        return undefined;
      },
    );
  return async (old: KeySet | undefined, isEnough = false): Promise<KeySet> => {
    const isUsable = () => old !== undefined && monotonic() - old.fetchedAt < maxStaleMs;
    if (failure === undefined || monotonic() - failure.at >= afterFailureMs) {
      const fetching = fetched();
      const set = await (isEnough && isUsable()
        ? unlessLate(fetching, begunAt() + patienceMs - monotonic(), old)
        : fetching);
      if (set !== undefined) return set;
    }
    if (old !== undefined && isUsable()) return old;
    throw new TokenError('unavailable', 'the keys of the authorization server cannot be fetched', {
      cause: failure?.cause,
    });
  };
}

/** What was fetched last. */
function keySets({ issuer, jwksUri, algorithms, fetch }: KeySourceOptions) {
  let current: KeySet | undefined;
  let fetching: Promise<KeySet> | undefined;
  let begun = 0;
  /** Raised by news: an answer that was on its way is old. */
  let generation = 0;

  const fetchSet = async (): Promise<KeySet> => {
    begun = monotonic();
    const fetchedAt = begun;
    const ofGeneration = generation;
    jwksUri ??= await discover(issuer, fetch);
    const { body, maxAgeMs } = await fetchJson(fetch, jwksUri);
    const keys = await publicKeysOf(body['keys'], algorithms);
    const set = { keys, fetchedAt, freshUntil: fetchedAt + Math.min(maxAgeMs ?? mostFreshMs, mostFreshMs) };
    if (ofGeneration === generation) current = set;
    return set;
  };
  const fetchOnce = (): Promise<KeySet> => {
    if (fetching !== undefined) return fetching;
    const mine = fetchSet().finally(() => {
      if (fetching === mine) fetching = undefined;
    });
    fetching = mine;
    return mine;
  };
  const expire = (): void => {
    generation += 1;
    fetching = undefined;
    if (current !== undefined) current = { ...current, freshUntil: -Infinity };
  };
  return { current: () => current, fetchOnce, begunAt: () => begun, expire };
}

/** RFC 8414 §3: the document must name the issuer that it was asked for. */
async function discover(issuer: string, fetcher: typeof fetch): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  const { body } = await fetchJson(fetcher, `${origin}/.well-known/oauth-authorization-server${path}`);
  if (body['issuer'] !== issuer) throw new Error('the metadata is that of another issuer');
  const { jwks_uri: uri } = body;
  // Others must not be able to say whose signature is the server's.
  if (typeof uri === 'string' && URL.canParse(uri) && new URL(uri).origin === origin) return uri;
  throw new Error('the metadata names no keys at the origin of the issuer');
}

async function publicKeysOf(jwks: unknown, algorithms: readonly string[]): Promise<ReadonlyMap<string, PublicKey>> {
  const keys = new Map<string, PublicKey>();
  for (const jwk of Array.isArray(jwks) ? (jwks as JWK[]) : []) {
    const key = await publicKeyOf(jwk, algorithms);
    if (key !== undefined && jwk.kid !== undefined) keys.set(jwk.kid, key);
  }
  return keys;
}

/** `undefined` for a key that is of no use here: it must not take the good ones along. */
async function publicKeyOf(jwk: JWK, algorithms: readonly string[]): Promise<PublicKey | undefined> {
  const { kty, use = 'sig', alg } = jwk;
  if (alg === undefined || !algorithms.includes(alg) || use !== 'sig' || kty === 'oct') return undefined;
  try {
    const key = await importJWK(jwk, alg);
    return key instanceof Uint8Array ? undefined : { key, alg };
  } catch {
    return undefined;
  }
}
