import type { StoredEntry } from './stored-entry.js';

/**
 * The chain as it is read to be verified, from the database or an export, in the order of `seq`. After a link that holds
 * batches of issued tokens come these batches, each with its entries.
 */
export type ChainRecord = ChainLinkRecord | ChainBatchRecord;

/** A link, with the entry that it refers to as the log has it now. */
export interface ChainLinkRecord {
  readonly seq: number;
  readonly kind: string;
  /** In hex, like `mac`. */
  readonly prev: string;
  readonly mac: string;
  /** Of a link that is no entry: its canonical JSON. */
  readonly payload: string | null;
  /** Of a link that is an entry: the identifier of the entry. */
  readonly entry_id: string | null;
  /** When it occurred, with six digits of a second; an export of an older version says nothing of it. */
  readonly entry_at?: string | null;
  /** `null`: the log has no such entry. */
  readonly entry: StoredEntry | null;
}

/** A batch of issued tokens. */
export interface ChainBatchRecord {
  readonly batch_id: string;
  readonly entries: readonly StoredEntry[];
}
