import { hash } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

/** An identifier that may be used once. */
export interface OneTimeIdentifier {
  /** What it belongs to; the same identifier may be used once for each. */
  readonly purpose: 'client_assertion' | 'dpop_proof';
  /** Whose it is: a client, or the thumbprint of a key. */
  readonly owner: string;
  readonly identifier: string;
  /** When nothing that holds it can be valid any more, seconds since the epoch. */
  readonly expiresAt: number;
}

type Row = OneTimeIdentifier & { readonly hashed: string };

const insertUses = `
  INSERT INTO single_use (purpose, owner, hash, expires_at)
  SELECT purpose, owner, decode(hash, 'hex'), to_timestamp(expires_at)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[]) AS u (purpose, owner, hash, expires_at)
  ON CONFLICT DO NOTHING
  RETURNING purpose, owner, encode(hash, 'hex') AS hash`;

/** Deletes a bounded number of rows, so that no statement holds locks for long. */
const pruneUses = `
  DELETE FROM single_use WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM single_use WHERE expires_at < statement_timestamp() ORDER BY expires_at LIMIT $1::int
    FOR UPDATE SKIP LOCKED))
  RETURNING 1`;

const pruneBatch = 5_000;
const pruneEverySeconds = 60;

/** Seconds that a use is remembered longer than it must be: what the clocks of two processes may differ by, and more. */
const marginSeconds = 120;

/**
 * Remembers in PostgreSQL what was used, so that nothing is used twice – not at the same moment on two processes, not after a
 * restart (security.md D7). The uses of one moment share a commit.
 */
@Injectable()
export class SingleUse implements OnModuleInit, OnApplicationShutdown {
  private readonly uses: GroupCommit<Row, boolean>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
    @Inject(Batches) batches: Batches,
  ) {
    this.uses = new GroupCommit({
      maxBatch: 256,
      maxQueued: 5_000,
      measures: batches.of('single_use'),
      commit: (rows) => this.commit(rows),
    });
  }

  onModuleInit(): void {
    this.jobs.register({
      name: 'single-use-prune',
      everySeconds: pruneEverySeconds,
      run: (signal) => this.prune(signal),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.uses.drained();
  }

  /**
   * Uses an identifier up; resolves once that is durable.
   *
   * @returns whether this was its first use: of any number of calls, on any processes, one gets `true`
   * @throws DatabaseUnavailable when that cannot be known; then nothing may rest on it
   */
  use(identifier: OneTimeIdentifier): Promise<boolean> {
    return this.uses.add({ ...identifier, hashed: hash('sha256', identifier.identifier, 'hex') });
  }

  /** Forgets what has expired by the clock of the database. */
  async prune(signal?: AbortSignal): Promise<void> {
    const statement = { name: 'single_use_prune', text: pruneUses, values: [pruneBatch] };
    for (;;) {
      const { length } = await this.postgres.query(statement);
      if (length < pruneBatch || signal?.aborted === true) return;
    }
  }

  private async commit(rows: readonly Row[]): Promise<boolean[]> {
    const inserted = await this.postgres.query<{ purpose: string; owner: string; hash: string }>({
      name: 'single_use',
      text: insertUses,
      values: [
        rows.map(({ purpose }) => purpose),
        rows.map(({ owner }) => owner),
        rows.map(({ hashed }) => hashed),
        rows.map(({ expiresAt }) => expiresAt + marginSeconds),
      ],
    });
    const first = new Set(inserted.map((row) => keyOf(row)));
    // Of two that are alike in one batch, the row is that of the first: the second finds the key taken.
    return rows.map(({ purpose, owner, hashed }) => first.delete(keyOf({ purpose, owner, hash: hashed })));
  }
}

function keyOf({ purpose, owner, hash: hashed }: { purpose: string; owner: string; hash: string }): string {
  return `${purpose} ${hashed} ${owner}`;
}
