import type { EntityManager } from 'typeorm';
import type { ChainContent, TokenBatch } from './chain-link.js';
import type { ChainBatchRecord, ChainLinkRecord, ChainRecord } from './chain-record.js';
import { entryColumns, entryOf, type StoredEntry } from './stored-entry.js';

const selectLinks = `
  SELECT c.seq AS chain_seq, c.kind, encode(c.prev, 'hex') AS prev, encode(c.mac, 'hex') AS mac, c.payload, c.entry_id,
    to_char(c.entry_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS entry_at, ${entryColumns('a')}
  FROM audit_chain c LEFT JOIN audit_log a ON a.id = c.entry_id AND a.occurred_at = c.entry_at
  WHERE c.seq > $1 ORDER BY c.seq LIMIT $2`;

const selectTombstones = `
  SELECT seq::int AS seq, kind, encode(prev, 'hex') AS prev, encode(mac, 'hex') AS mac, payload, NULL AS entry_id, NULL AS entry
  FROM audit_chain WHERE kind = 'pruned' ORDER BY seq`;

const selectBatches = `
  SELECT a.batch_id, ${entryColumns('a')} FROM audit_log a WHERE a.batch_id = ANY ($1::uuid[]) ORDER BY a.batch_id, a.id`;

const linksPerPage = 1_000;
const entriesPerPage = 2_000;

type LinkRow = StoredEntry & Omit<ChainLinkRecord, 'seq' | 'entry'> & { readonly chain_seq: string };
type BatchRow = StoredEntry & { readonly batch_id: string };

/** The links that say what was pruned: whoever verifies must know them beforehand. */
export function readTombstones(manager: EntityManager): Promise<ChainLinkRecord[]> {
  return manager.query<ChainLinkRecord[]>(selectTombstones);
}

/** Reads the chain of the database in pages, from the link after `from` on, with what the log has to it. */
export async function* readChain(manager: EntityManager, from = 0): AsyncGenerator<ChainRecord> {
  let after = from;
  for (;;) {
    const rows = await manager.query<LinkRow[]>(selectLinks, [after, linksPerPage]);
    for (const row of rows) {
      const { kind, prev, mac, payload, entry_id, entry_at } = row;
      after = Number(row.chain_seq);
      // Of an entry that is missing every column is.
      const entry = (row.id as string | null) === null ? null : entryOf(row);
      yield { seq: after, kind, prev, mac, payload, entry_id, entry_at, entry };
      if (kind === 'tokens') yield* readBatches(manager, batchesOf(payload));
    }
    if (rows.length < linksPerPage) return;
  }
}

async function* readBatches(manager: EntityManager, batches: readonly TokenBatch[]): AsyncGenerator<ChainBatchRecord> {
  for (const page of pagesOf(batches)) {
    const ids = page.map(({ id }) => id);
    const entries = new Map<string, StoredEntry[]>(ids.map((id) => [id, []]));
    for (const row of await manager.query<BatchRow[]>(selectBatches, [ids])) {
      entries.get(row.batch_id)?.push(entryOf(row));
    }
    for (const [id, found] of entries) yield { batch_id: id, entries: found };
  }
}

/** Some batches at a time, so that what is read at once stays small. */
function pagesOf(batches: readonly TokenBatch[]): TokenBatch[][] {
  const pages: TokenBatch[][] = [];
  let size = Infinity;
  for (const batch of batches) {
    if (size + batch.entries > entriesPerPage) {
      pages.push([]);
      size = 0;
    }
    pages.at(-1)?.push(batch);
    size += batch.entries;
  }
  return pages;
}

/** What a link says that follows it; nothing where it was made unreadable, which the verification finds. */
function batchesOf(payload: string | null): readonly TokenBatch[] {
  try {
    const content = JSON.parse(payload ?? '') as ChainContent;
    return content.kind === 'tokens' && Array.isArray(content.batches) ? content.batches : [];
  } catch {
    return [];
  }
}
