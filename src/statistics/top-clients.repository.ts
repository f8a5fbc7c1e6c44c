import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

const dayMs = 86_400_000;

/** Clients that are remembered of a range; more than anybody asks for. */
const remembered = 1_000;

/** Hours, half-open. */
interface Hours {
  readonly from: Date;
  readonly to: Date;
}

/** A client, and how many tokens it got. */
export interface IssuedTo {
  readonly client_id: string;
  readonly issued: number;
}

/** What was added up of a range at one version of the counters. */
interface Folded {
  readonly key: string;
  /** Those with most tokens, most first. */
  readonly top: ReadonlyMap<string, number>;
  /** Whether these are all that got tokens. */
  readonly isAll: boolean;
}

/**
 * Whole days of the range, from $3 until $4, are read as days. Floating point is exact here, and adds up faster than numeric. $5:
 * the clients that are asked about, null for all.
 */
const selectFolded = `
  SELECT client_id, sum(issued::float8) AS issued
  FROM (
    SELECT client_id, issued FROM client_token_hours WHERE hour >= $1 AND hour < $3
    UNION ALL
    SELECT client_id, issued FROM client_token_days WHERE day >= $3 AND day < $4
    UNION ALL
    SELECT client_id, issued FROM client_token_hours WHERE hour >= $4 AND hour < $2
  ) counted
  WHERE $5::text[] IS NULL OR client_id = ANY ($5::text[])
  GROUP BY client_id HAVING sum(issued::float8) > 0
  ORDER BY sum(issued::float8) DESC, client_id LIMIT $6`;

const selectChanges = `
  SELECT client_id, sum(issued)::float8 AS issued FROM token_count_changes WHERE issued_hour >= $1 AND issued_hour < $2
  GROUP BY client_id HAVING sum(issued) > 0`;

/**
 * The clients that got most tokens. To add up the counters of very many clients takes long, so the first thousand of the last range
 * are remembered for as long as nobody has written these counters; what was issued since then is added to them. A client that
 * is neither among those nor got a token since ranks behind all of them.
 */
@Injectable()
export class TopClientsRepository {
  private folded: Folded | undefined;

  /**
   * @param tx of one snapshot
   * @param limit at most {@link remembered}
   * @returns most tokens first, then by identifier
   */
  async read(tx: EntityManager, hours: Hours, limit: number): Promise<IssuedTo[]> {
    const { top, isAll } = await this.foldedOf(tx, hours);
    const changes = await tx.query<IssuedTo[]>(selectChanges, [hours.from, hours.to]);
    const changed = new Map<string, number>();
    const others = isAll ? [] : changes.map(({ client_id: id }) => id).filter((id) => !top.has(id));
    if (others.length > 0) {
      for (const { client_id: id, issued } of await addedUp(tx, hours, others)) changed.set(id, issued);
    }
    for (const { client_id: id, issued } of changes) changed.set(id, (changed.get(id) ?? top.get(id) ?? 0) + issued);
    return [...changed, ...firstOf(top, limit, changed)]
      .map(([client_id, issued]) => ({ client_id, issued }))
      .toSorted((a, b) => b.issued - a.issued || (a.client_id < b.client_id ? -1 : 1))
      .slice(0, limit);
  }

  private async foldedOf(tx: EntityManager, hours: Hours): Promise<Folded> {
    const [row] = await tx.query<{ version: string }[]>('SELECT version::text AS version FROM token_folds');
    const key = `${row?.version} ${hours.from.getTime()} ${hours.to.getTime()}`;
    if (this.folded?.key === key) return this.folded;
    // The clients that got tokens are counted in memory.
    await tx.query(`SET LOCAL work_mem = '32MB'`);
    const rows = await addedUp(tx, hours, null);
    const top = new Map(rows.map(({ client_id: id, issued }) => [id, issued]));
    this.folded = { key, top, isAll: rows.length < remembered };
    return this.folded;
  }
}

/** The first `limit` of `top`, which is sorted, that are not in `changed`: no other one can be among the first `limit` of both. */
function firstOf(
  top: ReadonlyMap<string, number>,
  limit: number,
  changed: ReadonlyMap<string, number>,
): [string, number][] {
  const first: [string, number][] = [];
  for (const entry of top) {
    if (first.length === limit) break;
    if (!changed.has(entry[0])) first.push(entry);
  }
  return first;
}

function addedUp(tx: EntityManager, { from, to }: Hours, clients: readonly string[] | null): Promise<IssuedTo[]> {
  const firstDay = Math.min(Math.ceil(from.getTime() / dayMs) * dayMs, to.getTime());
  const endOfDays = Math.max(firstDay, Math.floor(to.getTime() / dayMs) * dayMs);
  const limit = clients === null ? remembered : clients.length;
  return tx.query<IssuedTo[]>(selectFolded, [from, to, new Date(firstDay), new Date(endOfDays), clients, limit]);
}
