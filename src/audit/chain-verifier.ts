import { storedBatchDigest } from './batch-digest.js';
import { canonicalLink, chainRoot, type ChainContent, linkMac, type TokenBatch } from './chain-link.js';
import type { ChainBatchRecord, ChainLinkRecord, ChainRecord } from './chain-record.js';
import { authenticTombstones, Pruned, type TombstoneLink } from './tombstones.js';

/** Where the log is not what it was when it was written. */
export interface Break {
  /** The link; one more than the last where the end is missing; `null` for an entry that has no link. */
  readonly seq: number | null;
  /** The entry, where it is known: of a batch of issued tokens the batch is named in `reason`. */
  readonly id: string | null;
  readonly reason: string;
}

/** What a verification found. */
export interface ChainVerdict {
  readonly intact: boolean;
  /** Entries that were verified: those before the first break. */
  readonly entries: number;
  /** Of these, the entries of issued tokens. */
  readonly tokenEntries: number;
  /** Entries that are gone, behind a tombstone. */
  readonly pruned: number;
  /** The tombstones, by `seq`. */
  readonly tombstones: readonly TombstoneLink[];
  /** Entries that were written before there was a chain. */
  readonly entriesBefore: number;
  readonly head: { readonly seq: number; readonly mac: string };
  readonly broken: Break | undefined;
}

/** What was kept outside the database, in a signed checkpoint or in memory: the MAC of the link `seq`. */
export interface KnownLink {
  readonly seq: number;
  readonly mac: string;
}

/**
 * Verifies the chain record by record (security.md D12). Stops looking at the first break, so that this is the one it names.
 */
export class ChainVerifier {
  private seq = 0;
  private mac = chainRoot;
  private entries = 0;
  private tokenEntries = 0;
  private entriesBefore = 0;
  private prunedEntries = 0;
  private expected: TokenBatch[] = [];
  private broken: Break | undefined;
  private readonly known: ReadonlyMap<number, string>;
  private readonly pruned: Pruned;

  /**
   * @param key of the chain, 32 bytes
   * @param known links that must be there as they were
   * @param tombstones the links of this kind that the chain will come to; without them, what was pruned is missing
   */
  constructor(
    private readonly key: Buffer,
    known: readonly KnownLink[] = [],
    tombstones: readonly ChainLinkRecord[] = [],
  ) {
    this.known = new Map(known.map(({ seq, mac }) => [seq, mac]));
    this.pruned = new Pruned(authenticTombstones(key, tombstones));
  }

  get isBroken(): boolean {
    return this.broken !== undefined;
  }

  /** Entries that were verified so far. */
  get verified(): number {
    return this.entries;
  }

  add(record: ChainRecord): void {
    if (this.broken !== undefined) return;
    this.broken = 'batch_id' in record ? this.addBatch(record) : this.addLink(record);
  }

  /** What was found, once every record was added. */
  finish(): ChainVerdict {
    this.broken ??= this.missingBatch() ?? this.missingEnd();
    return {
      intact: this.broken === undefined,
      entries: this.entries,
      tokenEntries: this.tokenEntries,
      pruned: this.prunedEntries,
      tombstones: this.pruned.tombstones,
      entriesBefore: this.entriesBefore,
      head: { seq: this.seq, mac: this.mac },
      broken: this.broken,
    };
  }

  private addLink(record: ChainLinkRecord): Break | undefined {
    const missing = this.missingBatch();
    if (missing !== undefined) return missing;
    const { seq } = record;
    const expected = this.seq + 1;
    if (seq !== expected) return { seq: expected, id: null, reason: 'the link is missing' };
    const at = (reason: string): Break => ({ seq, id: record.entry_id, reason });
    const claimed = record.kind === 'entry' && this.pruned.takeEntry(seq, record.entry_at, record.mac);
    const isGone = record.kind === 'entry' && record.entry === null;
    if (isGone && !claimed) return at('the entry is missing');
    if (record.prev !== this.mac) return at('the link does not follow the one before');
    const canonical = canonicalOf(record);
    // Of a pruned entry the tombstone holds the MAC.
    if (!isGone && (canonical === undefined || linkMac(this.key, record.prev, canonical) !== record.mac)) {
      return at('the entry or its link was changed');
    }
    if (record.kind === 'pruned' && !this.pruned.takeTombstone(seq)) {
      return at('what was pruned is not what this tombstone says');
    }
    const known = this.known.get(seq);
    if (known !== undefined && known !== record.mac)
      return at('the chain is not the one that a checkpoint, or this process, has seen');
    this.seq = seq;
    this.mac = record.mac;
    this.take(record, canonical);
    return undefined;
  }

  private take(record: ChainLinkRecord, canonical: string | undefined): void {
    if (canonical === undefined) this.prunedEntries += 1;
    else if (record.kind === 'entry') this.entries += 1;
    if (canonical === undefined || record.kind === 'entry') return;
    const content = JSON.parse(canonical) as ChainContent;
    if (content.kind === 'tokens') this.expected = [...content.batches];
    if (content.kind === 'origin') this.entriesBefore = content.entries_before;
    if (content.kind === 'pruned') this.prunedEntries += content.entries_before;
  }

  private addBatch({ batch_id: id, entries }: ChainBatchRecord): Break | undefined {
    const batch = this.expected.shift();
    if (batch === undefined || batch.id !== id) return this.badBatch(batch?.id ?? id);
    const accepted = [batch, ...this.pruned.remains(this.seq, id)].filter((state) => state.entries === entries.length);
    const digest = entries.length === 0 ? '' : storedBatchDigest(entries);
    if (!accepted.some((state) => state.digest === digest)) return this.badBatch(id);
    this.prunedEntries += batch.entries - entries.length;
    this.entries += entries.length;
    this.tokenEntries += entries.length;
    return undefined;
  }

  private missingBatch(): Break | undefined {
    const [batch] = this.expected;
    return batch === undefined ? undefined : this.badBatch(batch.id);
  }

  private badBatch(id: string): Break {
    return {
      seq: this.seq,
      id: null,
      reason: `an entry of the batch ${id} of issued tokens was changed, or is missing`,
    };
  }

  private missingEnd(): Break | undefined {
    const tombstone = this.pruned.missing();
    if (tombstone !== undefined) {
      return { seq: this.seq + 1, id: null, reason: `the log ends here, before the tombstone at ${tombstone.seq}` };
    }
    let last = 0;
    for (const seq of this.known.keys()) last = Math.max(last, seq);
    if (last <= this.seq) return undefined;
    return {
      seq: this.seq + 1,
      id: null,
      reason: `the log ends here, before ${last}, which a checkpoint, or this process, has seen`,
    };
  }
}

/** The canonical JSON of a link, made anew from the entry that the log has; `undefined` where it is of no known form. */
function canonicalOf({ seq, kind, entry, payload }: ChainLinkRecord): string | undefined {
  if (kind === 'entry') return entry === null ? undefined : canonicalLink(seq, { kind, entry });
  if (payload === null) return undefined;
  try {
    const content = JSON.parse(payload) as ChainContent & { readonly seq: number };
    return content.seq === seq && content.kind === kind ? payload : undefined;
  } catch {
    return undefined;
  }
}
