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

interface KeySet {
  readonly keys: ReadonlyMap<string, { readonly key: CryptoKey | Uint8Array; readonly alg: string }>;
  /** By the monotonic clock. */
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

const mostFreshMs = 300_000;

/** Between two fetches that an unknown `kid` asks for: tokens with invented ones must not become requests. */
const betweenMs = 30_000;

/**
 * The keys of one issuer: fetched once however many wait for them, again when they are old or a `kid` is unknown, and used on
 * for a bounded time while the server is away. `kid` is a name to look up, and the algorithm is the key's.
 *
 * @internal
 */
export class KeySource {
  private set: KeySet | undefined;
  private fetching: Promise<KeySet> | undefined;
  private askedAt = -Infinity;
  private jwksUri: string | undefined;

  constructor(private readonly options: KeySourceOptions) {
    this.jwksUri = options.jwksUri;
  }

  /**
   * The key for a token with this header.
   *
   * @throws TokenError `invalid_token` for a key that the server does not publish, `unavailable` when that cannot be known
   */
  async find(kid: string, alg: string): Promise<CryptoKey | Uint8Array> {
    let set = await this.current();
    if (!set.keys.has(kid) && performance.now() - this.askedAt >= betweenMs) set = await this.refresh(set);
    const found = set.keys.get(kid);
    if (found === undefined || found.alg !== alg) throw invalidToken('the token is signed with an unknown key');
    return found.key;
  }

  /** Fetches at the next look, as after news of a rotation or a revocation. */
  expire(): void {
    if (this.set !== undefined) this.set = { ...this.set, freshUntil: -Infinity };
  }

  private async current(): Promise<KeySet> {
    const { set } = this;
    if (set !== undefined && performance.now() < set.freshUntil) return set;
    return this.refresh(set);
  }

  private async refresh(old: KeySet | undefined): Promise<KeySet> {
    try {
      this.fetching ??= this.fetchSet().finally(() => {
        this.fetching = undefined;
      });
      return await this.fetching;
    } catch (error) {
      if (old !== undefined && performance.now() - old.fetchedAt < this.options.maxStaleMs) return old;
      throw new TokenError('unavailable', 'the keys of the authorization server cannot be fetched', { cause: error });
    }
  }

  private async fetchSet(): Promise<KeySet> {
    this.askedAt = performance.now();
    this.jwksUri ??= await this.discover();
    const { body, maxAgeMs } = await fetchJson(this.options.fetch, this.jwksUri);
    const keys = new Map<string, { key: CryptoKey | Uint8Array; alg: string }>();
    for (const jwk of Array.isArray(body['keys']) ? (body['keys'] as JWK[]) : []) {
      const { kid, alg } = jwk;
      if (kid === undefined || alg === undefined || !this.options.algorithms.includes(alg)) continue;
      if (jwk.use !== undefined && jwk.use !== 'sig') continue;
      keys.set(kid, { key: await importJWK(jwk, alg), alg });
    }
    const fetchedAt = performance.now();
    this.set = { keys, fetchedAt, freshUntil: fetchedAt + Math.min(maxAgeMs ?? mostFreshMs, mostFreshMs) };
    return this.set;
  }

  /** RFC 8414 §3: the document must name the issuer that it was asked for. */
  private async discover(): Promise<string> {
    const { issuer, fetch } = this.options;
    const { origin, pathname } = new URL(issuer);
    const path = pathname === '/' ? '' : pathname;
    const { body } = await fetchJson(fetch, `${origin}/.well-known/oauth-authorization-server${path}`);
    if (body['issuer'] !== issuer) throw new Error('the metadata is that of another issuer');
    if (typeof body['jwks_uri'] !== 'string') throw new Error('the metadata names no keys');
    return body['jwks_uri'];
  }
}
