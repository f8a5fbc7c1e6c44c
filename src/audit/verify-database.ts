import type { DataSource, EntityManager } from 'typeorm';
import { asDatabaseError } from '../database/index.js';
import { readChain } from './chain-reader.js';
import { type Break, type ChainVerdict, ChainVerifier, type KnownLink } from './chain-verifier.js';

const statementTimeout = '10min';

/** Entries that stand for themselves and have no link. */
const selectUnlinked = `
  SELECT count(*)::int AS count, (array_agg(a.id))[1] AS id FROM audit_log a
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
 * @throws DatabaseUnavailable
 */
export async function verifyDatabase(
  dataSource: DataSource,
  key: Buffer,
  known: readonly KnownLink[] = [],
): Promise<ChainVerdict> {
  try {
    // One moment of the database, however long it takes.
    return await dataSource.transaction('REPEATABLE READ', async (tx) => {
      await tx.query('SET TRANSACTION READ ONLY');
      await tx.query(`SET LOCAL statement_timeout = '${statementTimeout}'`);
      await tx.query(`SET LOCAL idle_in_transaction_session_timeout = '${statementTimeout}'`);
      const verifier = new ChainVerifier(key, known);
      for await (const record of readChain(tx)) {
        verifier.add(record);
        if (verifier.isBroken) break;
      }
      const verdict = verifier.finish();
      const broken = verdict.broken ?? (await wrongEnd(tx, verdict)) ?? (await strangers(tx, verdict));
      return { ...verdict, intact: broken === undefined, broken };
    });
  } catch (error) {
    throw asDatabaseError(error);
  }
}

async function wrongEnd(tx: EntityManager, { head }: ChainVerdict): Promise<Break | undefined> {
  const [stored] = await tx.query<{ seq: number; mac: string }[]>(selectHead);
  if (stored?.seq === head.seq && stored.mac === head.mac) return undefined;
  return { seq: head.seq + 1, id: null, reason: 'the chain does not end where its head says' };
}

async function strangers(tx: EntityManager, verdict: ChainVerdict): Promise<Break | undefined> {
  const [unlinked] = (await tx.query(selectUnlinked)) as [{ count: number; id: string | null }];
  if (unlinked.count !== verdict.entriesBefore) {
    const id = verdict.entriesBefore === 0 ? unlinked.id : null;
    const reason = `${unlinked.count} entries have no link, ${verdict.entriesBefore} were written before the chain`;
    return { seq: null, id, reason };
  }
  const [batched] = (await tx.query(countBatched)) as [{ stored: number; waiting: number }];
  const expected = verdict.tokenEntries + batched.waiting;
  if (batched.stored === expected) return undefined;
  const reason = `${batched.stored} entries of issued tokens are stored, ${expected} were written`;
  return { seq: null, id: null, reason };
}
