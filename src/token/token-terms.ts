/** What a token says, and everything about it that its sister tokens share: decided once, used for many. */
export interface TokenTerms {
  /** Unique in this process: two tokens with the same id share a row of the batch that stores them. */
  readonly id: number;
  readonly grantType: string;
  readonly clientId: string;
  /** `clients.version` that the decision rests on. */
  readonly clientVersion: string;
  /** `scope_registry.version` that the decision rests on. */
  readonly registryVersion: string;
  readonly scope: readonly string[];
  readonly audience: string | readonly string[];
  readonly lifetimeSeconds: number;
}

let count = 0;

/** Gives the terms their number. */
export function tokenTerms(terms: Omit<TokenTerms, 'id'>): TokenTerms {
  count += 1;
  return { id: count, ...terms };
}
