import { Inject, Injectable } from '@nestjs/common';
import type { RequestOrigin } from '../audit/index.js';
import { Clock } from '../clock/index.js';
import { Signer } from '../keys/index.js';
import { type Counter, Measurements } from '../measurements/index.js';
import type { Confirmation } from '../protocol/index.js';
import { AccessTokenIssuer, responseJson, type SignedToken } from './access-token-issuer.js';
import type { TokenResponse } from './grants/grant.js';
import { SharedTokenCheck } from './shared-token-check.js';
import type { TokenTerms } from './token-terms.js';

/** Tokens that are kept to be given once more; the oldest is forgotten first. */
const capacity = 10_000;

/** Longest window there is, in milliseconds (`token_coalescing_seconds`). */
const longestMs = 60_000;

/** Shared tokens that turn out to have ended, after which a request gets one of its own. */
const maxTries = 3;

interface Shared {
  /** When the first of them asked, milliseconds since the epoch. */
  readonly at: number;
  /** `undefined`: the terms no longer held, and there is no token. */
  readonly signed: Promise<SignedToken | undefined>;
}

/**
 * Gives requests of one moment that are alike the same token: of one client, at one version of it and of the scope registry, for the
 * same scope, audience, lifetime and binding, while the key that signed it is the one that signs.
 *
 * Whoever gets a token that was made for another is answered only when a look into the database, begun after the request came in, has
 * found that all of this still holds and the token is live; that look counts the answer. So a token that was revoked is never
 * given out again, on no process.
 */
@Injectable()
export class TokenCoalescing {
  private readonly shared = new Map<string, Shared>();
  private readonly coalesced: Counter;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Signer) private readonly signer: Signer,
    @Inject(AccessTokenIssuer) private readonly issuer: AccessTokenIssuer,
    @Inject(SharedTokenCheck) private readonly check: SharedTokenCheck,
    @Inject(Measurements) measurements: Measurements,
  ) {
    this.coalesced = measurements
      .counters({
        name: 'signet_token_coalesced_total',
        help: 'Token requests that were answered with a token made for another request.',
        labels: [],
      })
      .of();
  }

  /**
   * A token on `terms`: one that was made less than `seconds` ago, or a new one. It never has less than half of its life left.
   *
   * @returns `undefined` when the terms no longer hold
   * @throws DatabaseUnavailable
   */
  async issue(
    terms: TokenTerms,
    origin: RequestOrigin,
    confirmation: Confirmation | undefined,
    seconds: number,
  ): Promise<TokenResponse | undefined> {
    const key = keyOf(terms, confirmation);
    const windowMs = Math.min(seconds, terms.lifetimeSeconds / 2) * 1_000;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const known = this.current(key, windowMs);
      if (known === undefined) return this.lead(key, terms, origin, confirmation);
      const signed = await known.signed;
      // Its terms are these: what did not hold for the one holds for no other.
      if (signed === undefined) return undefined;
      const json = await this.again(signed);
      if (json !== undefined) return { json };
      if (this.shared.get(key) === known) this.shared.delete(key);
    }
    return this.issuer.issue(terms, origin, confirmation);
  }

  private current(key: string, windowMs: number): Shared | undefined {
    const known = this.shared.get(key);
    if (known === undefined) return undefined;
    const age = this.clock.now() - known.at;
    // Of a clock that was set back nothing is known.
    return age >= 0 && age < windowMs ? known : undefined;
  }

  private async lead(
    key: string,
    terms: TokenTerms,
    origin: RequestOrigin,
    confirmation: Confirmation | undefined,
  ): Promise<TokenResponse | undefined> {
    const own: Shared = { at: this.clock.now(), signed: this.issuer.issueSigned(terms, origin, confirmation) };
    this.keep(key, own);
    try {
      const signed = await own.signed;
      if (signed !== undefined) return { json: responseJson(signed) };
    } catch (error) {
      if (this.shared.get(key) === own) this.shared.delete(key);
      throw error;
    }
    if (this.shared.get(key) === own) this.shared.delete(key);
    return undefined;
  }

  private async again(signed: SignedToken): Promise<string | undefined> {
    const { record } = signed;
    if (record.kid !== this.signer.current().kid || !(await this.check.holds(record))) return undefined;
    const expiresIn = Math.floor(record.issuedAt + record.terms.lifetimeSeconds - this.clock.now() / 1_000);
    if (expiresIn < 1) return undefined;
    this.coalesced.add();
    return responseJson(signed, undefined, expiresIn);
  }

  private keep(key: string, shared: Shared): void {
    this.shared.delete(key);
    this.shared.set(key, shared);
    for (const [oldest, { at }] of this.shared) {
      if (this.shared.size <= capacity && shared.at - at < longestMs) break;
      this.shared.delete(oldest);
    }
  }
}

/** Names what the token says and rests on. No part of it holds a line break. */
function keyOf(terms: TokenTerms, confirmation: Confirmation | undefined): string {
  const { clientId, clientVersion, registryVersion, scope, audience, lifetimeSeconds } = terms;
  const audiences = typeof audience === 'string' ? audience : audience.join('\n');
  const bound = confirmation === undefined ? '' : JSON.stringify(confirmation);
  return [clientId, clientVersion, registryVersion, lifetimeSeconds, scope.join(' '), bound, audiences].join('\n');
}
