import { createHash, type Hash } from 'node:crypto';
import { type ChainContent, linkMac, type TokenBatch, type Tombstone } from './chain-link.js';
import type { ChainLinkRecord } from './chain-record.js';

/** A tombstone, and the link that holds it. */
export interface TombstoneLink extends Tombstone {
  readonly seq: number;
}

/**
 * The tombstones among `records` that the key has made, by `seq`. Any other is left to be found where it stands in the chain.
 *
 * @param key of the chain, 32 bytes
 */
export function authenticTombstones(key: Buffer, records: readonly ChainLinkRecord[]): TombstoneLink[] {
  const found = records.flatMap(({ seq, kind, prev, mac, payload }) => {
    if (kind !== 'pruned' || payload === null || linkMac(key, prev, payload) !== mac) return [];
    const content = JSON.parse(payload) as ChainContent & { readonly seq: number };
    return content.kind === 'pruned' && content.seq === seq ? [{ ...content, seq }] : [];
  });
  return found.toSorted((one, other) => one.seq - other.seq);
}

/** SHA-256 over links, each by its place and MAC: which links those are of which a tombstone says that their entries went. */
export class LinkDigest {
  private readonly hash: Hash = createHash('sha256');

  add(seq: number, mac: string): void {
    this.hash.update(`${seq} ${mac}\n`);
  }

  /** In hex; nothing can be added any more. */
  finish(): string {
    return this.hash.digest('hex');
  }
}

/** The least identifier that can be made at `time` (RFC 9562 §5.7): those made before sort before it. */
export function firstUuidOf(time: string): string {
  const hex = Date.parse(time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * What the tombstones of a chain say to one link after the other, in the order of the chain: may its entries be gone? Of an
 * entry's link that is settled where the tombstone stands, since only all of them together have the digest that it names.
 */
export class Pruned {
  private readonly digests: ReadonlyMap<TombstoneLink, LinkDigest>;
  private readonly reached = new Set<TombstoneLink>();

  constructor(readonly tombstones: readonly TombstoneLink[]) {
    this.digests = new Map(tombstones.map((tombstone) => [tombstone, new LinkDigest()]));
  }

  /**
   * Takes note of a link that stands for an entry.
   *
   * @param at when the entry occurred, as the chain says
   * @returns whether a tombstone claims that entry
   */
  takeEntry(seq: number, at: string | null | undefined, mac: string): boolean {
    if (at === null || at === undefined) return false;
    const claims = this.tombstones.find(
      ({ from, to, through }) => seq <= through && at < to && (from === null || at >= from),
    );
    if (claims === undefined) return false;
    this.digests.get(claims)?.add(seq, mac);
    return true;
  }

  /** @returns whether what went is what the tombstone at `seq` names */
  takeTombstone(seq: number): boolean {
    const tombstone = this.tombstones.find((one) => one.seq === seq);
    if (tombstone === undefined) return false;
    this.reached.add(tombstone);
    return this.digests.get(tombstone)?.finish() === tombstone.links;
  }

  /** What may be left of a batch of the link `seq`, beside all of it: nothing (0 entries), or a part. */
  remains(seq: number, id: string): TokenBatch[] {
    return this.tombstones.flatMap(({ through, to, batches }) => {
      if (seq > through) return [];
      const part = batches.find((batch) => batch.id === id);
      if (part !== undefined) return [part];
      return id < firstUuidOf(to) ? [{ id, entries: 0, digest: '' }] : [];
    });
  }

  /** A tombstone that the chain did not come to, though it was said to hold it. */
  missing(): TombstoneLink | undefined {
    return this.tombstones.find((tombstone) => !this.reached.has(tombstone));
  }
}
