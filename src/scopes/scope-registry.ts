import { Inject, Injectable } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../database/index.js';

/** The registered names at one version of the registry. */
export interface RegisteredScopes {
  /** Grows with every name that comes or goes; a `bigint` as text. */
  readonly version: string;
  readonly names: ReadonlySet<string>;
  has(name: string): boolean;
}

const selectNames = {
  name: 'scope_registry',
  text: `SELECT version::text AS version, ARRAY(SELECT name FROM scopes ORDER BY created_at, name) AS names FROM scope_registry`,
  values: [],
} as const;

/** The registered names for the token path: a copy in memory, and the way to a fresh one. */
@Injectable()
export class ScopeRegistry {
  private newest: RegisteredScopes | undefined;
  private readAt: number | undefined;
  private readonly reader: GroupCommit<undefined, RegisteredScopes>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Batches) batches?: Batches,
  ) {
    // The look-ups of one moment are one query, begun after each of them was asked for.
    this.reader = new GroupCommit({
      maxBatch: 10_000,
      maxQueued: 10_000,
      measures: batches?.of('scopes'),
      commit: async (asked) => {
        const read = await this.read();
        return asked.map(() => read);
      },
    });
  }

  /** Milliseconds since the copy was read; `undefined` while there is none. */
  get ageMs(): number | undefined {
    return this.readAt === undefined ? undefined : performance.now() - this.readAt;
  }

  /** The copy that was read last. It may be out of date: whoever acts on it compares `version` at commit. */
  cached(): RegisteredScopes | undefined {
    return this.newest;
  }

  /**
   * The names as they are now: read after this call began, never before.
   *
   * @throws DatabaseUnavailable when the database is away
   */
  async load(): Promise<RegisteredScopes> {
    this.newest = await this.reader.add(undefined);
    return this.newest;
  }

  private async read(): Promise<RegisteredScopes> {
    const begin = performance.now();
    const [row] = await this.postgres.query<{ version: string; names: string[] }>(selectNames);
    if (row === undefined) throw new Error('scope_registry has no row');
    this.readAt = begin;
    const names = new Set(row.names);
    return { version: row.version, names, has: (name) => names.has(name) };
  }
}
