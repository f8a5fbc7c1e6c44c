import type { EntityManager } from 'typeorm';
import { storedBatchDigest } from './batch-digest.js';
import type { TokenBatch, Tombstone } from './chain-link.js';
import { entryColumns, entryOf, type StoredEntry } from './stored-entry.js';
import { firstUuidOf, LinkDigest } from './tombstones.js';

const selectLinks = `
  SELECT seq::int AS seq, encode(mac, 'hex') AS mac FROM audit_chain
  WHERE seq > $1 AND seq <= $2 AND kind = 'entry' AND entry_at >= coalesce($3::timestamptz, '-infinity') AND entry_at < $4
  ORDER BY seq LIMIT $5`;

const countEntries = `
  SELECT count(*) FILTER (WHERE a.batch_id IS NULL)::int AS single, count(a.batch_id)::int AS batched,
    (count(*) FILTER (WHERE a.batch_id IS NULL AND NOT EXISTS (
      SELECT FROM audit_chain c WHERE c.entry_id = a.id AND c.entry_at = a.occurred_at)))::int AS unlinked,
    EXISTS (SELECT FROM token_batches WHERE id < $2::uuid) AS waiting
  FROM audit_log a WHERE a.occurred_at < $1`;

/** Batches of which the identifier does not tell on which side of the border their entries are. */
const selectCut = `
  SELECT batch_id AS id FROM audit_log WHERE occurred_at < $1 AND batch_id >= $2::uuid
  UNION SELECT batch_id FROM audit_log WHERE occurred_at >= $1 AND batch_id < $2::uuid
  ORDER BY 1`;

const selectRest = `
  SELECT ${entryColumns('a')} FROM audit_log a WHERE a.batch_id = $1 AND a.occurred_at >= $2 ORDER BY a.id`;

const linksPerPage = 10_000;

/** The log is not what the chain says of it, so it must not be pruned; the message says why. */
export class NotPrunable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotPrunable';
  }
}

/**
 * What a tombstone for everything before `to` has to say. To be asked for where nobody can write to what is going to go.
 *
 * @param from where the tombstone before ends; `null`: there is none
 * @param to RFC 3339 in UTC with six digits of a second
 * @throws NotPrunable when links and entries are not as many
 */
export async function survey(tx: EntityManager, from: string | null, to: string): Promise<Tombstone> {
  const [head] = await tx.query<{ seq: number }[]>('SELECT seq::int AS seq FROM audit_chain_head');
  const through = head?.seq ?? 0;
  const { links, entries } = await digestLinks(tx, { from, to, through });
  const floor = firstUuidOf(to);
  const [stored] = (await tx.query(countEntries, [to, floor])) as [
    { single: number; batched: number; unlinked: number; waiting: boolean },
  ];
  if (stored.waiting) throw new NotPrunable('issued tokens of that time are not linked yet');
  if (stored.single - stored.unlinked !== entries) {
    throw new NotPrunable(`of ${entries} linked entries of that time ${stored.single - stored.unlinked} are there`);
  }
  const batches: TokenBatch[] = [];
  for (const { id } of await tx.query<{ id: string }[]>(selectCut, [to, floor])) batches.push(await rest(tx, id, to));
  const counts = { entries, token_entries: stored.batched, entries_before: stored.unlinked };
  return { v: 1, from, to, through, links, ...counts, batches };
}

async function digestLinks(
  tx: EntityManager,
  { from, to, through }: Pick<Tombstone, 'from' | 'to' | 'through'>,
): Promise<Pick<Tombstone, 'links' | 'entries'>> {
  const digest = new LinkDigest();
  let entries = 0;
  for (let after = 0; ;) {
    const page = await tx.query<{ seq: number; mac: string }[]>(selectLinks, [after, through, from, to, linksPerPage]);
    for (const { seq, mac } of page) digest.add(seq, mac);
    entries += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < linksPerPage) return { links: digest.finish(), entries };
    after = last.seq;
  }
}

async function rest(tx: EntityManager, id: string, to: string): Promise<TokenBatch> {
  const entries = (await tx.query<StoredEntry[]>(selectRest, [id, to])).map((row) => entryOf(row));
  if (entries.length === 0) return { id, entries: 0, digest: '' };
  const digest = storedBatchDigest(entries);
  if (digest === undefined) throw new NotPrunable(`the batch ${id} holds what is no issued token`);
  return { id, entries: entries.length, digest };
}
