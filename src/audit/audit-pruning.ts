import type { DataSource } from 'typeorm';
import { inTransaction, unhurried } from '../database/index.js';
import type { AuditChain } from './audit-chain.js';
import { makeAuditPartitions } from './audit-partitions.js';
import type { Audit } from './audit.service.js';
import type { AuditKeys } from './chain-export.js';
import type { Tombstone } from './chain-link.js';
import { readTombstones } from './chain-reader.js';
import { BadCheckpoint, type Checkpoint, signCheckpoint } from './checkpoint.js';
import { appendCheckpoint, checkpointPath, lastCheckpoint } from './checkpoint-file.js';
import { NotPrunable, survey } from './pruning-survey.js';
import type { TokenBatches } from './token-batches.js';
import { authenticTombstones, type TombstoneLink } from './tombstones.js';
import { verifyDatabase } from './verify-database.js';

const dayMs = 86_400_000;
const patience = '10min';

/** Only what the owner of the log may drop. */
const selectPartitions = `
  SELECT c.relname AS name, pg_has_role(c.relowner, 'USAGE') AS own FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'audit_log'::regclass ORDER BY 1`;

const selectState = `
  SELECT seq::int AS seq, entries::float8 AS entries, encode(mac, 'hex') AS mac,
    (SELECT encode(mac, 'hex') FROM audit_chain WHERE seq = $1) AS signed
  FROM audit_chain_head`;

/** Whoever writes with a clock that is that wrong would lose his entry. */
const selectLate = `SELECT EXISTS (SELECT FROM audit_chain WHERE seq > $1 AND entry_at < $2) AS found`;

/** What pruning needs of a server, or of the command that does without one. */
export interface PruningTools {
  readonly dataSource: DataSource;
  readonly audit: Audit;
  readonly chain: AuditChain;
  readonly batches: TokenBatches;
  readonly keys: AuditKeys;
  readonly dataDir: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly say: (line: string) => void;
  /** Is told again and again how many entries were verified so far. */
  readonly verified?: (entries: number) => void;
}

/** What became of the partitions that retention does not keep. */
export interface PruningResult {
  /** Dropped. */
  readonly dropped: readonly string[];
  /** Due, and another role's to drop. */
  readonly foreign: readonly string[];
}

interface Partition {
  readonly name: string;
  readonly own: boolean;
  /** RFC 3339 with six digits of a second: the first moment that it does not hold. */
  readonly to: string;
}

/** Removes what is older than retention says from the audit log: whole months, each behind a tombstone in the chain. */
export class AuditPruning {
  constructor(private readonly tools: PruningTools) {}

  /**
   * Drops the partitions that ended `retentionDays` ago or earlier. Verifies the whole log first, and what was signed of it;
   * appends a tombstone to the chain, signs it, and drops then. Interrupted anywhere, the next run goes on. Where another
   * process is at it, that is left to it.
   *
   * @throws NotPrunable when the log is not intact: a tombstone must not hide that
   * @throws Error of PostgreSQL, such as when somebody holds the log for too long: the next run will do
   */
  async prune(retentionDays: number): Promise<PruningResult> {
    const session = this.tools.dataSource.createQueryRunner();
    await session.connect();
    try {
      const [lock] = (await session.query(
        `SELECT pg_try_advisory_lock(hashtext('signet.audit'), hashtext('prune')) AS mine,
          extract(epoch FROM statement_timestamp())::float8 * 1000 AS now`,
      )) as [{ mine: boolean; now: number }];
      if (!lock.mine) return { dropped: [], foreign: [] };
      // A clock that is ahead must not cost entries.
      return await this.pruneBefore(Math.min(lock.now, this.tools.now()) - retentionDays * dayMs);
    } finally {
      await session.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
      await session.release();
    }
  }

  private async pruneBefore(before: number): Promise<PruningResult> {
    const limit = new Date(before).toISOString().replace('Z', '000Z');
    const due = (await this.partitions()).filter(({ to }) => to <= limit);
    if (due.length === 0) return { dropped: [], foreign: [] };
    const foreign = due.filter(({ own }) => !own).map(({ name }) => name);
    if (foreign.length > 0) return { dropped: [], foreign };
    let last = await this.lastTombstone();
    const begun = due.filter(({ to }) => to <= (last?.to ?? ''));
    if (last !== undefined && begun.length > 0) await this.drop(begun, last);
    const rest = due.filter((partition) => !begun.includes(partition));
    if (rest.length > 0) {
      last = await this.bury(rest, last?.to ?? null);
      await this.drop(rest, last);
    }
    return { dropped: due.map(({ name }) => name), foreign: [] };
  }

  private async partitions(): Promise<Partition[]> {
    const rows = await this.tools.dataSource.query<{ name: string; own: boolean }[]>(selectPartitions);
    return rows.flatMap(({ name, own }) => {
      const [, year, month] = /^audit_log_p(\d{4})(\d{2})$/.exec(name) ?? [];
      if (year === undefined) return [];
      return [{ name, own, to: new Date(Date.UTC(Number(year), Number(month), 1)).toISOString().replace('Z', '000Z') }];
    });
  }

  private async lastTombstone(): Promise<TombstoneLink | undefined> {
    const { dataSource, keys } = this.tools;
    return authenticTombstones(keys.chain, await readTombstones(dataSource.manager)).at(-1);
  }

  /** Verifies, and appends the tombstone. */
  private async bury(partitions: readonly Partition[], from: string | null): Promise<TombstoneLink> {
    const { dataSource, audit, batches, chain, keys, now, verified } = this.tools;
    await makeAuditPartitions(dataSource, new Date(now()));
    await batches.link();
    const signed = await this.lastSigned();
    const { broken } = await verifyDatabase(dataSource, keys.chain, signed === undefined ? [] : [signed], verified);
    if (broken !== undefined) throw new NotPrunable(`the audit log is not intact: ${broken.reason}`);
    const to = partitions.at(-1)?.to ?? '';
    await inTransaction(
      dataSource,
      async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = '2s'`);
        await tx.query(`LOCK TABLE ${partitions.map(({ name }) => `"${name}"`).join(', ')} IN SHARE MODE`);
        await tx.query(`SET LOCAL statement_timeout = '${patience}'`);
        const tombstone = await survey(tx, from, to);
        chain.append(tx, [{ kind: 'pruned', ...tombstone }]);
        await audit.record(tx, { action: 'audit.pruned', targetType: 'audit_log', details: detailsOf(tombstone) });
      },
      unhurried,
    );
    const written = await this.lastTombstone();
    if (written?.to !== to) throw new NotPrunable('the tombstone is not in the chain');
    return written;
  }

  private async drop(partitions: readonly Partition[], tombstone: TombstoneLink): Promise<void> {
    const { dataSource, say } = this.tools;
    await this.sign();
    const [late] = await dataSource.query<{ found: boolean }[]>(selectLate, [tombstone.through, tombstone.to]);
    if (late?.found === true) throw new NotPrunable('somebody writes entries of that time: check the clocks');
    await inTransaction(
      dataSource,
      async (tx) => {
        // Where a long query holds the log, the writers must not queue up behind us.
        await tx.query(`SET LOCAL lock_timeout = '2s'`);
        for (const { name } of partitions) await tx.query(`DROP TABLE IF EXISTS "${name}"`);
      },
      unhurried,
    );
    say(`dropped ${partitions.map(({ name }) => name).join(', ')} behind the tombstone at ${tombstone.seq}`);
  }

  /** Signs the chain as it is now. */
  private async sign(): Promise<void> {
    const { dataSource, dataDir, keys, now, say } = this.tools;
    const before = await this.lastSigned();
    const [state] = await dataSource.query<(Pick<Checkpoint, 'seq' | 'entries' | 'mac'> & { signed: string | null })[]>(
      selectState,
      [before?.seq ?? 0],
    );
    if (state === undefined || (before !== undefined && state.signed !== before.mac)) {
      throw new NotPrunable('the audit log is not the one that the last checkpoint signs');
    }
    const { seq, entries, mac } = state;
    const line = signCheckpoint(keys.checkpoint, { v: 1, seq, mac, entries, at: new Date(now()).toISOString() });
    await appendCheckpoint(checkpointPath(dataDir), line);
    say(`checkpoint ${line}`);
  }

  private async lastSigned(): Promise<Checkpoint | undefined> {
    try {
      return await lastCheckpoint(checkpointPath(this.tools.dataDir), this.tools.keys.checkpoint);
    } catch (error) {
      // Of another database, perhaps: it says nothing about this one.
      if (error instanceof BadCheckpoint) return undefined;
      throw error;
    }
  }
}

function detailsOf(tombstone: Tombstone): Record<string, unknown> {
  const { from, to, entries, token_entries, entries_before } = tombstone;
  return { from, to, entries: entries + token_entries + entries_before };
}
