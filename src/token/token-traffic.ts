import { Inject, Injectable } from '@nestjs/common';
import { isDatabaseFault, isDatabaseUnavailable } from '../database/index.js';
import { type Counter, type Family, Measurements } from '../measurements/index.js';
import { OAuthError } from '../protocol/index.js';
import { Grants } from './grants/grants.js';

/**
 * Counts what the token endpoint and introspection answer. The outcome is the error code of the answer; `rate_limited` for a
 * 429, which has the code of a database that is away.
 */
@Injectable()
export class TokenTraffic {
  private readonly tokens: Family<Counter>;
  private readonly introspections: Family<Counter>;
  private readonly grants: ReadonlySet<string>;
  private readonly issued: ReadonlyMap<string, Counter>;

  constructor(@Inject(Measurements) measurements: Measurements, @Inject(Grants) grants: Grants) {
    this.tokens = measurements.counters({
      name: 'signet_token_requests_total',
      help: 'Requests that reached the token endpoint, by how they were answered.',
      labels: ['grant', 'outcome'],
    });
    this.introspections = measurements.counters({
      name: 'signet_introspections_total',
      help: 'Requests that reached introspection, by how they were answered.',
      labels: ['outcome'],
    });
    this.grants = new Set(grants.types);
    // There from the start, so that the first token is an increase.
    this.issued = new Map(grants.types.map((grant) => [grant, this.tokens.of(grant, 'issued')]));
  }

  /** A token was issued. */
  tokenIssued(grantType: string): void {
    this.issued.get(grantType)?.add();
  }

  /** @param grantType as it was sent; `undefined`: the request was refused before it was known */
  tokenDenied(grantType: string | undefined, error: unknown): void {
    const known = grantType !== undefined && this.grants.has(grantType) ? grantType : 'other';
    this.tokens.of(grantType === undefined ? 'unknown' : known, outcomeOf(error)).add();
  }

  introspected(outcome: 'active' | 'inactive'): void {
    this.introspections.of(outcome).add();
  }

  introspectionDenied(error: unknown): void {
    this.introspections.of(outcomeOf(error)).add();
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof OAuthError) return error.status === 429 ? 'rate_limited' : error.code;
  return isDatabaseUnavailable(error) || isDatabaseFault(error) ? 'temporarily_unavailable' : 'server_error';
}
