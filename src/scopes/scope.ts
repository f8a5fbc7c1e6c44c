/** A registered scope. */
export interface Scope {
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A scope in a list, with its exact place: `createdAt` in microseconds, which a `Date` cannot hold. */
export interface ListedScope extends Scope {
  readonly listedAt: string;
}

/** A scope as the admin API shows it. */
export interface ScopeAnswer {
  readonly name: string;
  readonly description: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The JSON of a scope. */
export function scopeAnswer(scope: Scope): ScopeAnswer {
  return {
    name: scope.name,
    description: scope.description,
    created_at: scope.createdAt.toISOString(),
    updated_at: scope.updatedAt.toISOString(),
  };
}
