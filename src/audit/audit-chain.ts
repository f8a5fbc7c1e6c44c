import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { afterCommit, beforeCommit } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { canonicalLink, type ChainContent, linkMac } from './chain-link.js';
import type { KnownLink } from './chain-verifier.js';

/** A process that stops between the lock and the commit would keep everybody from writing: its transaction ends. */
const lockHead = `
  SELECT seq, entries, encode(mac, 'hex') AS mac, set_config('idle_in_transaction_session_timeout', '5000', true)
  FROM audit_chain_head FOR UPDATE`;

const insertLinks = `
  WITH links AS (
    INSERT INTO audit_chain (seq, kind, entry_id, entry_at, payload, prev, mac)
    SELECT seq, kind, entry_id, entry_at, payload, decode(prev, 'hex'), decode(mac, 'hex')
    FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
      AS l (seq, kind, entry_id, entry_at, payload, prev, mac)
  )
  UPDATE audit_chain_head SET seq = $8, entries = $9, mac = decode($10, 'hex')`;

/** Entries that are in no batch; before the first link these are all that were written before there was a chain. */
const countUnchained = `
  SELECT count(*)::int AS count,
    to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
  FROM audit_log WHERE batch_id IS NULL AND NOT id = ANY ($1::uuid[])`;

/** Name of the key that proves the log. */
export const auditKeyPurpose = 'audit-chain-v1';

interface Head {
  readonly seq: string;
  readonly entries: string;
  readonly mac: string;
}

interface Link {
  readonly seq: number;
  readonly content: ChainContent;
  readonly payload: string | null;
  readonly prev: string;
  readonly mac: string;
}

/**
 * The chain over the audit log: each link holds the MAC of the one before, under a key that the database does not have.
 *
 * There is one chain, so whoever appends holds the row of its head until the commit. Therefore it is appended to last, when
 * the transaction waits for nothing else: then nobody can wait in a circle, and the lock is held for one round trip and a commit.
 */
@Injectable()
export class AuditChain {
  private readonly pending = new WeakMap<EntityManager, ChainContent[]>();
  private readonly key: Buffer;
  private latest: KnownLink | undefined;
  private doubted = false;

  constructor(@Inject(DerivedKeys) derivedKeys: DerivedKeys) {
    this.key = derivedKeys.derive(auditKeyPurpose);
  }

  /**
   * The furthest link that this process has seen committed: kept in memory, where nobody who has the database can reach it. So
   * an end that was cut off is missed before a checkpoint has signed it. Once it is missed, what is appended in its place is
   * not remembered instead.
   */
  get seen(): KnownLink | undefined {
    return this.latest;
  }

  /** Remembers a committed link, unless the one remembered is missing. */
  saw({ seq, mac }: KnownLink): void {
    if (!this.doubted && seq > (this.latest?.seq ?? 0)) this.latest = { seq, mac };
  }

  /** @param found whether the chain still holds the link that {@link seen} tells of */
  checked(found: boolean): void {
    this.doubted = !found;
  }

  /**
   * Has `contents` appended when `tx` commits; if that cannot be done, it does not commit.
   *
   * @param tx begun by `inTransaction`
   */
  append(tx: EntityManager, contents: readonly ChainContent[]): void {
    const pending = this.pending.get(tx);
    if (pending === undefined) {
      const first = [...contents];
      beforeCommit(tx, () => this.write(tx, first));
      this.pending.set(tx, first);
    } else {
      pending.push(...contents);
    }
  }

  /** Sees to it that the chain has its first link, which says where it begins. To be called in a transaction of its own. */
  begin(tx: EntityManager): void {
    this.append(tx, []);
  }

  private async write(tx: EntityManager, contents: readonly ChainContent[]): Promise<void> {
    this.pending.delete(tx);
    const [head] = await tx.query<Head[]>(lockHead);
    if (head === undefined) throw new Error('the head of the audit chain is missing');
    if (isCut(head, this.latest)) this.checked(false);
    const all = head.seq === '0' ? [await originOf(tx, contents), ...contents] : contents;
    if (all.length === 0) return;
    const links = this.link(head, all);
    const last = links.at(-1) as Link;
    const entries = links.reduce((sum, { content }) => sum + entriesOf(content), Number(head.entries));
    await tx.query(insertLinks, [
      links.map(({ seq }) => seq),
      links.map(({ content }) => content.kind),
      links.map(({ content }) => (content.kind === 'entry' ? content.entry.id : null)),
      links.map(({ content }) => (content.kind === 'entry' ? content.entry.occurred_at : null)),
      links.map(({ payload }) => payload),
      links.map(({ prev }) => prev),
      links.map(({ mac }) => mac),
      last.seq,
      entries,
      last.mac,
    ]);
    afterCommit(tx, () => this.saw(last));
  }

  private link(head: Head, contents: readonly ChainContent[]): Link[] {
    let seq = Number(head.seq);
    let mac = head.mac;
    return contents.map((content) => {
      seq += 1;
      const prev = mac;
      const canonical = canonicalLink(seq, content);
      mac = linkMac(this.key, prev, canonical);
      return { seq, content, payload: content.kind === 'entry' ? null : canonical, prev, mac };
    });
  }
}

/** Whether a chain that ends with `head` has lost `seen`, as far as its end can tell. */
function isCut(head: Head, seen: KnownLink | undefined): boolean {
  if (seen === undefined) return false;
  const seq = Number(head.seq);
  return seq < seen.seq || (seq === seen.seq && head.mac !== seen.mac);
}

/** How many entries of the log a link covers. */
function entriesOf(content: ChainContent): number {
  if (content.kind === 'entry') return 1;
  return content.kind === 'tokens' ? content.batches.reduce((sum, { entries }) => sum + entries, 0) : 0;
}

async function originOf(tx: EntityManager, contents: readonly ChainContent[]): Promise<ChainContent> {
  const own = contents.flatMap((content) => (content.kind === 'entry' ? [content.entry.id] : []));
  const [found] = (await tx.query(countUnchained, [own])) as [{ count: number; at: string }];
  return { kind: 'origin', v: 1, at: found.at, entries_before: found.count };
}
