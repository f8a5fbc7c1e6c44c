import { monotonic } from '../client/monotonic.js';
import { type TokenTerms, type Verification, verifyAccessToken, type VerifiedToken } from './access-token.js';
import { checkProof, type ProvenRequest } from './dpop-proof.js';
import { invalidToken, TokenError } from './errors.js';
import { type ExpiringMap, expiringMap } from '../client/expiring-map.js';
import { type IntrospectionOptions, introspector } from './introspection.js';
import { type KeySource, keySource } from './key-source.js';
import { type Liveness, liveness } from './liveness.js';
import { type Revocations, revocations, type SecurityEvent } from './revocations.js';
import { missingScopes } from './scope.js';

/** How {@link createTokenVerifier} works. */
export interface TokenVerifierOptions {
  /** Issuer identifier of the server. */
  issuer: string;
  /** This API, as clients name it in `resource`. */
  audience: string;
  /** `RS256` unless given. */
  algorithms?: readonly string[];
  /**
   * `offline`, the default: by signature, lifetime and the events that it is given. `introspect`: the server is asked about each
   * token, each time unless `cacheSeconds` says otherwise. `push`: once, and then until an event or `cacheSeconds` ends it.
   */
  mode?: 'offline' | 'introspect' | 'push';
  /** Needed for `introspect` and `push`. */
  introspection?: IntrospectionOptions;
  /** Seconds that "it is live" is remembered: 0 for `introspect`, 60 for `push` unless given. */
  cacheSeconds?: number;
  /** For `push`: without a sign of life ({@link TokenVerifier.alive}) for twice this time, each token is asked about. */
  heartbeatSeconds?: number;
  /** Found by discovery, at the origin of the issuer, unless given. */
  jwksUri?: string;
  /** Seconds that keys are used while the server is away; 900 unless given. */
  maxStaleSeconds?: number;
  /** Seconds that the clocks may differ; 10 unless given. */
  clockToleranceSeconds?: number;
  fetch?: typeof fetch;
}

/** What a request shows. */
export interface PresentedToken {
  /** The `Authorization` header. */
  authorization: string | undefined;
  /** The `DPoP` header. */
  dpop?: string | undefined;
  /** The request, for tokens that are bound to a key. */
  request?: ProvenRequest | undefined;
  /** SHA-256 thumbprint (base64url) of the client's certificate, for tokens that are bound to one (RFC 8705 §3.1). */
  certificateThumbprint?: string | undefined;
}

/** Judges tokens for one API. */
export interface TokenVerifier {
  /**
   * Verifies the token of a request.
   *
   * @param scope what it must hold; a text may name several, space-delimited
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
  const terms = termsOf(options);
  const { issuer, jwksUri, maxStaleSeconds = 900, heartbeatSeconds, fetch: fetcher = fetch } = options;
  const { algorithms } = terms;
  const keys = keySource({ issuer, jwksUri, algorithms, maxStaleMs: maxStaleSeconds * 1000, fetch: fetcher });
  const revoked = revocations();
  let aliveAt = monotonic();
  const flows = () => (heartbeatSeconds === undefined ? undefined : monotonic() - aliveAt < heartbeatSeconds * 2000);
  const live = livenessOf(options, flows, revoked);
  const verifiedOf = verifierOf(keys, terms);
  const usedProofs = expiringMap<true>(100_000);
  const alive = (): void => {
    if (flows() === false) live?.forgetAll();
    aliveAt = monotonic();
  };
  return {
    verify: async (presented, scope = []) => {
      const { scheme, token } = readAuthorization(presented.authorization);
      try {
        if (token === '') throw invalidToken('the Authorization header holds no token');
        const verified = await verifiedOf(token);
        await checkSender(scheme, token, verified, presented, usedProofs);
        if (live !== undefined) await live.require(token, verified);
        else if (revoked.verdict(verified) !== 'unknown') throw invalidToken('the token was revoked');
        const asked = [scope].flat().flatMap((one) => one.split(' '));
        const missing = missingScopes(verified.scope, asked);
        if (missing.length > 0) {
          throw new TokenError('insufficient_scope', 'the token lacks a scope', { scope: missing.join(' ') });
        }
        return verified;
      } catch (error) {
        if (error instanceof TokenError) error.scheme = scheme;
        throw error;
      }
    },
    take: (event) => {
      if (event.source !== undefined && event.source !== issuer) return;
      alive();
      if (event.type === 'oauth.key.rotated' || event.type === 'oauth.key.revoked') keys.expire();
      if (revoked.take(event)) live?.forget();
    },
    alive,
  };
}

function termsOf({ issuer, audience, algorithms = ['RS256'], clockToleranceSeconds = 10 }: TokenVerifierOptions) {
  // Without one of them, tokens of anybody, or for anybody, would be good.
  if (!issuer || !audience) throw new TypeError('issuer and audience are needed');
  if (algorithms.some((alg) => !/^(?:[RPE]S\d{3}|EdDSA|Ed25519)$/.test(alg))) {
    throw new TypeError('an algorithm is no signature by a private key');
  }
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds < Infinity)) {
    throw new TypeError('clockToleranceSeconds is no time');
  }
  return { issuer, audience, algorithms: [...algorithms], clockTolerance: clockToleranceSeconds };
}

function livenessOf(
  { mode = 'offline', introspection, cacheSeconds, issuer, fetch: fetcher }: TokenVerifierOptions,
  flows: () => boolean | undefined,
  revoked: Revocations,
): Liveness | undefined {
  if (mode === 'offline') return undefined;
  if (introspection === undefined) throw new TypeError(`the mode ${mode} needs introspection`);
  const positiveMs = (cacheSeconds ?? (mode === 'push' ? 60 : 0)) * 1000;
  const ask = introspector(fetcher ?? fetch, issuer, introspection);
  return liveness({ positiveMs, ask, flows }, revoked);
}

/** Remembers tokens whose signature was found good: by the whole token, as long as they live and their key is published. */
function verifierOf(keys: KeySource, terms: TokenTerms): (token: string) => Promise<VerifiedToken> {
  const known = expiringMap<Verification>(5_000);
  const restOf = ({ verified }: Verification): number =>
    verified.expiresAt.getTime() + terms.clockTolerance * 1000 - Date.now();
  return async (token) => {
    const found = known.get(token);
    const isGood = found !== undefined && restOf(found) > 0;
    if (isGood && (await keys.find(found.verified.kid, found.alg)) === found.key) return found.verified;
    const verification = await verifyAccessToken(token, keys, terms);
    known.set(token, verification, restOf(verification));
    return verification.verified;
  };
}

/** RFC 9449 §7, RFC 8705 §3: a bound token is good in the hand of its owner alone. */
async function checkSender(
  scheme: 'Bearer' | 'DPoP',
  token: string,
  { claims }: VerifiedToken,
  { dpop, request, certificateThumbprint }: PresentedToken,
  usedProofs: ExpiringMap<true>,
): Promise<void> {
  const { jkt, 'x5t#S256': x5t } = (claims['cnf'] ?? {}) as Record<string, unknown>;
  if (typeof jkt === 'string' && scheme === 'DPoP') {
    if (request === undefined) throw new TypeError('bound tokens need the request');
    await checkProof(dpop, request, token, jkt, usedProofs);
  } else if (jkt !== undefined || scheme === 'DPoP') {
    throw invalidToken('the token and its scheme do not go together');
  }
  if (x5t !== undefined && x5t !== certificateThumbprint)
    throw invalidToken('the token is bound to another certificate');
}

/** RFC 6750 §2.1, RFC 9449 §7.1. The token is empty where none can be read; another scheme is no token. */
function readAuthorization(authorization = ''): { scheme: 'Bearer' | 'DPoP'; token: string } {
  const [, name, rest = ''] = /^(bearer|dpop)(?: +(.*))?$/i.exec(authorization) ?? [];
  if (name === undefined) throw new TokenError('missing_token', 'a token is needed');
  return {
    scheme: name.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer',
    token: /^[A-Za-z0-9._~+/-]+=*$/.test(rest) ? rest : '',
  };
}
