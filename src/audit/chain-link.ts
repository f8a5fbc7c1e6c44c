import { createHmac } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';
import type { StoredEntry } from './stored-entry.js';

/**
 * What a link of the chain holds: where the chain begins, an entry, batches of issued tokens, or what was removed since.
 *
 * `v` is the version of the format.
 */
export type ChainContent =
  | { readonly kind: 'origin'; readonly v: 1; readonly at: string; readonly entries_before: number }
  | { readonly kind: 'entry'; readonly entry: StoredEntry }
  | { readonly kind: 'tokens'; readonly batches: readonly TokenBatch[] }
  | ({ readonly kind: 'pruned' } & Tombstone);

/** A batch of issued tokens in the chain. */
export interface TokenBatch {
  readonly id: string;
  readonly entries: number;
  /** SHA-256 of its entries, in hex. */
  readonly digest: string;
}

/**
 * What stands in the chain for entries that retention has removed: those that occurred from `from` (`null`: from the beginning)
 * to before `to`, and were linked up to the link `through`. Times have six digits of a second.
 */
export interface Tombstone {
  readonly v: 1;
  readonly from: string | null;
  readonly to: string;
  readonly through: number;
  /** Entries with a link each, and the SHA-256 in hex over `<seq> <mac>` and a line feed of each of these links. */
  readonly entries: number;
  readonly links: string;
  /** Entries of issued tokens: of every batch whose identifier was made before `to`, but for `batches`. */
  readonly token_entries: number;
  /** Batches that the border cuts: what is left of each. */
  readonly batches: readonly TokenBatch[];
  /** Entries from before the chain. */
  readonly entries_before: number;
}

/** What the first link follows. */
export const chainRoot = '00'.repeat(32);

/** The canonical JSON of a link: what its MAC covers beside the MAC before. */
export function canonicalLink(seq: number, content: ChainContent): string {
  return canonicalJson({ ...content, seq });
}

/**
 * HMAC-SHA-256 over the MAC of the link before and the canonical JSON of this one (security.md D12).
 *
 * @param key 32 bytes
 * @param prev in hex
 * @returns in hex
 */
export function linkMac(key: Buffer, prev: string, canonical: string): string {
  return createHmac('sha256', key).update(prev, 'hex').update(canonical).digest('hex');
}
