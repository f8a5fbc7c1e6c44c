import { type CryptoKey, importJWK, type JWK } from 'jose';
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

/**
 * The keys of one issuer: fetched once however many wait for them, again when they are old or a `kid` is unknown, and used on
 * for a bounded time while the server is away. `kid` is a name to look up, and the algorithm is the key's.
 *
 * @internal
 */
export class KeySource {
  readonly #options: KeySourceOptions;
  #set: KeySet | undefined;
  #fetching: Promise<KeySet> | undefined;
  #askedAt = -Infinity;
  #failure: { readonly at: number; readonly cause: unknown } | undefined;
  #jwksUri: string | undefined;
  /** Raised by news: an answer that was on its way is old. */
  #generation = 0;

  constructor(options: KeySourceOptions) {
    this.#options = options;
    this.#jwksUri = options.jwksUri;
  }

  /**
   * The key for a token with this header.
   *
   * @throws TokenError `invalid_token` for a key that the server does not publish, `unavailable` when that cannot be known
   */
  async find(kid: string, alg: string): Promise<CryptoKey> {
    let set = await this.#current();
    if (!set.keys.has(kid) && performance.now() - this.#askedAt >= betweenMs) set = await this.#refresh(set);
    const found = set.keys.get(kid);
    if (found === undefined || found.alg !== alg) throw invalidToken('the token is signed with an unknown key');
    return found.key;
  }

  /** Fetches at the next look, as after news of a rotation or a revocation. */
  expire(): void {
    this.#generation += 1;
    this.#fetching = undefined;
    if (this.#set !== undefined) this.#set = { ...this.#set, freshUntil: -Infinity };
  }

  async #current(): Promise<KeySet> {
    const set = this.#set;
    return set !== undefined && performance.now() < set.freshUntil ? set : this.#refresh(set);
  }

  async #refresh(old: KeySet | undefined): Promise<KeySet> {
    let cause = this.#failure?.cause;
    if (this.#failure === undefined || performance.now() - this.#failure.at >= afterFailureMs) {
      try {
        return await this.#fetchOnce();
      } catch (error) {
        cause = error;
      }
    }
    if (old !== undefined && performance.now() - old.fetchedAt < this.#options.maxStaleMs) return old;
    throw new TokenError('unavailable', 'the keys of the authorization server cannot be fetched', { cause });
  }

  #fetchOnce(): Promise<KeySet> {
    if (this.#fetching === undefined) {
      const fetching = this.#fetchSet()
        .catch((cause: unknown) => {
          this.#failure = { at: performance.now(), cause };
          throw cause;
        })
        .finally(() => {
          if (this.#fetching === fetching) this.#fetching = undefined;
        });
      this.#fetching = fetching;
    }
    return this.#fetching;
  }

  async #fetchSet(): Promise<KeySet> {
    const begun = performance.now();
    const generation = this.#generation;
    this.#askedAt = begun;
    this.#jwksUri ??= await this.#discover();
    const { body, maxAgeMs } = await fetchJson(this.#options.fetch, this.#jwksUri);
    const keys = new Map<string, PublicKey>();
    for (const jwk of Array.isArray(body['keys']) ? (body['keys'] as JWK[]) : []) {
      const key = await publicKeyOf(jwk, this.#options.algorithms);
      if (key !== undefined && jwk.kid !== undefined) keys.set(jwk.kid, key);
    }
    const freshUntil = begun + Math.min(maxAgeMs ?? mostFreshMs, mostFreshMs);
    const set = { keys, fetchedAt: begun, freshUntil };
    if (generation === this.#generation) {
      this.#set = set;
      this.#failure = undefined;
    }
    return set;
  }

  /** RFC 8414 §3: the document must name the issuer that it was asked for. */
  async #discover(): Promise<string> {
    const { issuer, fetch } = this.#options;
    const { origin, pathname } = new URL(issuer);
    const path = pathname === '/' ? '' : pathname;
    const { body } = await fetchJson(fetch, `${origin}/.well-known/oauth-authorization-server${path}`);
    if (body['issuer'] !== issuer) throw new Error('the metadata is that of another issuer');
    if (typeof body['jwks_uri'] !== 'string') throw new Error('the metadata names no keys');
    return body['jwks_uri'];
  }
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
