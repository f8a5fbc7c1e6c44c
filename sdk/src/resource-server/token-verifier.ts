import { type TokenTerms, type Verification, verifyAccessToken, type VerifiedToken } from './access-token.js';
import { checkProof, type ProvenRequest } from './dpop-proof.js';
import { invalidToken, TokenError } from './errors.js';
import { ExpiringMap } from './expiring-map.js';
import { introspect, type IntrospectionOptions } from './introspection.js';
import { KeySource } from './key-source.js';
import { Liveness } from './liveness.js';
import { Revocations, type SecurityEvent } from './revocations.js';
import { missingScopes } from './scope.js';

/** How {@link createTokenVerifier} works. */
export interface TokenVerifierOptions {
  /** Issuer identifier of the server. */
  readonly issuer: string;
  /** This API, as clients name it in `resource`. */
  readonly audience: string;
  /** `RS256` unless given. */
  readonly algorithms?: readonly string[];
  /**
   * `offline`: by signature and lifetime alone; events, where there are some, take tokens away at once. `introspect`: the server is
   * asked about each token, each time unless `cacheSeconds` says otherwise. `push`: asked once, and then trusted until an event says
   * otherwise, for `cacheSeconds` at most. `offline` unless given.
   */
  readonly mode?: 'offline' | 'introspect' | 'push';
  /** Needed for `introspect` and `push`. */
  readonly introspection?: IntrospectionOptions;
  /** Seconds that "it is live" is remembered: 0 for `introspect`, 60 for `push` unless given. */
  readonly cacheSeconds?: number;
  /** For `push`: without a sign of life ({@link TokenVerifier.alive}) for twice this time, each token is asked about. */
  readonly heartbeatSeconds?: number;
  /** Found by discovery unless given. */
  readonly jwksUri?: string;
  /** Seconds that keys are used while the server is away; 900 unless given. */
  readonly maxStaleSeconds?: number;
  /** Seconds that the clocks may differ; 10 unless given. */
  readonly clockToleranceSeconds?: number;
  readonly fetch?: typeof fetch;
}

/** What a request shows. */
export interface PresentedToken {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `DPoP` header. */
  readonly dpop?: string | undefined;
  /** The request, for tokens that are bound to a key. */
  readonly request?: ProvenRequest | undefined;
  /** SHA-256 thumbprint (base64url) of the client's certificate, for tokens that are bound to one (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string | undefined;
}

/** Judges tokens for one API. */
export interface TokenVerifier {
  /**
   * Verifies the token of a request.
   *
   * @param scope what it must hold, each of them
   * @throws TokenError whose `status` and `headers` are the answer
   */
  verify(presented: PresentedToken, scope?: string | readonly string[]): Promise<VerifiedToken>;
  /** Takes an event of the server; other ones, and those that are not about revocation and keys, are ignored. */
  take(event: SecurityEvent): void;
  /** Says that the stream of events flows, as after each successful poll. */
  alive(): void;
}

/**
 * Makes a verifier for the tokens that are meant for this API.
 *
 * @throws TypeError when the options do not go together
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  return new Verifier(options);
}

class Verifier implements TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #terms: TokenTerms;
  readonly #keys: KeySource;
  readonly #revocations = new Revocations();
  readonly #liveness: Liveness | undefined;
  /** Tokens whose signature was found good: by the whole token, as long as they live and their key is published. */
  readonly #known = new ExpiringMap<Verification>(5_000);
  readonly #usedProofs = new ExpiringMap<true>(100_000);
  #aliveAt = performance.now();

  constructor(options: TokenVerifierOptions) {
    const { issuer, audience, jwksUri, algorithms = ['RS256'], maxStaleSeconds = 900 } = options;
    // Without one of them, tokens of anybody, or for anybody, would be good.
    if (!issuer || !audience) throw new TypeError('issuer and audience are needed');
    if (algorithms.some((alg) => !/^(?:[RPE]S\d{3}|EdDSA|Ed25519)$/.test(alg))) {
      throw new TypeError('an algorithm is no signature by a private key');
    }
    this.#options = options;
    this.#terms = { issuer, audience, algorithms, clockTolerance: options.clockToleranceSeconds ?? 10 };
    const maxStaleMs = maxStaleSeconds * 1000;
    this.#keys = new KeySource({ issuer, jwksUri, algorithms, maxStaleMs, fetch: options.fetch ?? fetch });
    this.#liveness = this.#livenessOf(options);
  }

  async verify(presented: PresentedToken, scope: string | readonly string[] = []): Promise<VerifiedToken> {
    const { scheme, token } = readAuthorization(presented.authorization);
    const verified = await this.#verified(token);
    await this.#checkSender(scheme, token, verified, presented);
    if (this.#liveness !== undefined) await this.#liveness.require(token, verified);
    else if (this.#revocations.verdict(verified) !== 'unknown') throw invalidToken('the token was revoked');
    const missing = missingScopes(verified.scope, [scope].flat());
    if (missing.length > 0) {
      throw new TokenError('insufficient_scope', 'the token lacks a scope', { scope: missing.join(' '), scheme });
    }
    return verified;
  }

  take(event: SecurityEvent): void {
    if (event.source !== undefined && event.source !== this.#terms.issuer) return;
    this.alive();
    if (event.type === 'oauth.key.rotated' || event.type === 'oauth.key.revoked') this.#keys.expire();
    if (this.#revocations.take(event)) this.#liveness?.forget();
  }

  alive(): void {
    if (this.#flows() === false) this.#liveness?.forgetAll();
    this.#aliveAt = performance.now();
  }

  async #verified(token: string): Promise<VerifiedToken> {
    const known = this.#known.get(token);
    const isGood = known !== undefined && this.#restOf(known) > 0;
    if (isGood && (await this.#keys.find(known.verified.kid, known.alg)) === known.key) return known.verified;
    const verification = await verifyAccessToken(token, this.#keys, this.#terms);
    this.#known.set(token, verification, this.#restOf(verification));
    return verification.verified;
  }

  #restOf({ verified }: Verification): number {
    return verified.expiresAt.getTime() + this.#terms.clockTolerance * 1000 - Date.now();
  }

  #livenessOf({ mode = 'offline', introspection, cacheSeconds, issuer }: TokenVerifierOptions) {
    if (mode === 'offline') return undefined;
    if (introspection === undefined) throw new TypeError(`the mode ${mode} needs introspection`);
    return new Liveness(
      {
        positiveMs: (cacheSeconds ?? (mode === 'push' ? 60 : 0)) * 1000,
        ask: (token) => introspect(this.#options.fetch ?? fetch, issuer, introspection, token),
        flows: () => this.#flows(),
      },
      this.#revocations,
    );
  }

  #flows(): boolean | undefined {
    const { heartbeatSeconds } = this.#options;
    return heartbeatSeconds === undefined ? undefined : performance.now() - this.#aliveAt < heartbeatSeconds * 2000;
  }

  /** RFC 9449 §7, RFC 8705 §3: a bound token is good in the hand of its owner alone. */
  async #checkSender(
    scheme: 'Bearer' | 'DPoP',
    token: string,
    { claims }: VerifiedToken,
    { dpop, request, certificateThumbprint }: PresentedToken,
  ): Promise<void> {
    const { jkt, 'x5t#S256': x5t } = (claims['cnf'] ?? {}) as Record<string, unknown>;
    if (typeof jkt === 'string' && scheme === 'DPoP') {
      if (request === undefined) throw new TypeError('bound tokens need the request');
      await checkProof(dpop, request, token, jkt, this.#usedProofs);
    } else if (jkt !== undefined || scheme === 'DPoP') {
      throw invalidToken('the token and its scheme do not go together');
    }
    if (x5t !== undefined && x5t !== certificateThumbprint)
      throw invalidToken('the token is bound to another certificate');
  }
}

/** RFC 6750 §2.1, RFC 9449 §7.1. */
function readAuthorization(authorization: string | undefined): { scheme: 'Bearer' | 'DPoP'; token: string } {
  const [, name = '', token = ''] = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '') ?? [];
  if (token !== '') return { scheme: name.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token };
  if (authorization === undefined) throw new TokenError('missing_token', 'a token is needed');
  throw invalidToken('the Authorization header holds no token');
}
