import type { DataSource, EntityManager } from 'typeorm';
import { asDatabaseError } from '../database/index.js';
import { readChain, readTombstones } from './chain-reader.js';
import { type Break, type ChainVerdict, ChainVerifier, type KnownLink } from './chain-verifier.js';

const statementTimeout = '10min';

/** Entries that stand for themselves and have no link. */
const selectUnlinked = `
  SELECT count(*) FILTER (WHERE a.occurred_at >= $1)::int AS count, count(*) FILTER (WHERE a.occurred_at < $1)::int AS old,
    (array_agg(a.id))[1] AS id
  FROM audit_log a
  WHERE a.batch_id IS NULL
    AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = a.id AND c.entry_at = a.occurred_at)`;

/** Entries of batches, in the log and where they wait for the chain. */
const countBatched = `
  SELECT (SELECT count(*)::int FROM audit_log WHERE batch_id IS NOT NULL) AS stored,
    (SELECT coalesce(sum(entries), 0)::int FROM token_batches) AS waiting`;

const selectHead = `SELECT seq::int AS seq, encode(mac, 'hex') AS mac FROM audit_chain_head`;

/**
 * Verifies the log of the database against its chain: every link against the entry that it stands for; that nothing stands in
 * the log which the chain does not know; and that the chain ends where its head says.
 *
 * @param known links that were signed and kept outside the database: without one, nothing is known of what may have been cut
 *   off at the end
 * @param told how many entries were verified so far, again and again
 * @throws DatabaseUnavailable
 */
export async function verifyDatabase(
  dataSource: DataSource,
  key: Buffer,
  known: readonly KnownLink[] = [],
  told: (entries: number) => void = () => undefined,
): Promise<ChainVerdict> {
  try {
    // One moment of the database, however long it takes.
    return await dataSource.transaction('REPEATABLE READ', async (tx) => {
      await tx.query('SET TRANSACTION READ ONLY');
      await tx.query(`SET LOCAL statement_timeout = '${statementTimeout}'`);
      await tx.query(`SET LOCAL idle_in_transaction_session_timeout = '${statementTimeout}'`);
      const verifier = new ChainVerifier(key, known, await readTombstones(tx));
      for await (const record of readChain(tx)) {
        verifier.add(record);
        if (verifier.isBroken) break;
        told(verifier.verified);
      }
      const verdict = verifier.finish();
      const broken = verdict.broken ?? (await wrongEnd(tx, verdict)) ?? (await strangers(tx, verdict));
      return { ...verdict, intact: broken === undefined, broken };
    });
  } catch (error) {
    throw asDatabaseError(error);
  }
}

interface Unlinked {
  readonly count: number;
  readonly old: number;
  readonly id: string | null;
}

async function wrongEnd(tx: EntityManager, { head }: ChainVerdict): Promise<Break | undefined> {
  const [stored] = await tx.query<{ seq: number; mac: string }[]>(selectHead);
  if (stored?.seq === head.seq && stored.mac === head.mac) return undefined;
  return { seq: head.seq + 1, id: null, reason: 'the chain does not end where its head says' };
}

async function strangers(tx: EntityManager, verdict: ChainVerdict): Promise<Break | undefined> {
  const { entriesBefore, tombstones } = verdict;
  const last = tombstones.at(-1);
  const [unlinked] = (await tx.query(selectUnlinked, [last?.to ?? '-infinity'])) as [Unlinked];
  const kept = tombstones.reduce((sum, tombstone) => sum - tombstone.entries_before, entriesBefore);
  // What the last tombstone stands for may still be there: all of it, or nothing.
  if (unlinked.count !== kept || (unlinked.old !== 0 && unlinked.old !== last?.entries_before)) {
    const id = entriesBefore === 0 ? unlinked.id : null;
    const found = unlinked.count + unlinked.old;
    return { seq: null, id, reason: `${found} entries have no link, ${kept} were written before the chain` };
  }
  const [batched] = (await tx.query(countBatched)) as [{ stored: number; waiting: number }];
  const expected = verdict.tokenEntries + batched.waiting;
  if (batched.stored === expected) return undefined;
  const reason = `${batched.stored} entries of issued tokens are stored, ${expected} were written`;
  return { seq: null, id: null, reason };
}
