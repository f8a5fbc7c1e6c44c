import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { entryColumns, type StoredEntry } from '../audit/index.js';
import { asDatabaseError, type CursorPosition } from '../database/index.js';
import type { AuditLogFilter } from './audit-log-filter.js';

/**
 * Each filter has an index that gives the entries in the order of the list. Left to itself the planner would now and then,
 * where it has no statistics yet, read everything that the filter selects, and sort it.
 */
const inOrder = 'SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off';

/** Reads entries of the audit log, newest first. */
@Injectable()
export class AuditLogRepository {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * @param limit most entries that are given
   * @param after the entry, by its time and identifier, that the page follows
   * @throws DatabaseUnavailable
   */
  async page(filter: AuditLogFilter, limit: number, after?: CursorPosition): Promise<StoredEntry[]> {
    const { text, values } = selectPage(filter, limit, after);
    try {
      return await this.dataSource.transaction(async (tx) => {
        await tx.query(inOrder);
        return tx.query<StoredEntry[]>(text, values);
      });
    } catch (error) {
      throw asDatabaseError(error);
    }
  }
}

/**
 * Who acted and whom it was about are found by an index each, so each is a query of its own. What decides which index serves
 * stands in the text, where the planner sees it.
 */
function selectPage(
  { clientId, action, success, from, to }: AuditLogFilter,
  limit: number,
  after: CursorPosition | undefined,
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const value = (one: unknown): string => `$${values.push(one)}`;
  const conditions: string[] = [];
  if (action !== undefined) conditions.push(`a.action = ${value(action)}`);
  if (success !== undefined) conditions.push(success ? 'a.success' : 'NOT a.success');
  if (from !== undefined) conditions.push(`a.occurred_at >= ${value(from)}::timestamptz`);
  if (to !== undefined) conditions.push(`a.occurred_at < ${value(to)}::timestamptz`);
  if (after !== undefined) {
    const at = `${value(after.at)}::timestamptz`;
    // The first condition is in the second, and leaves out whole partitions.
    conditions.push(`a.occurred_at <= ${at}`, `(a.occurred_at, a.id) < (${at}, ${value(after.id)}::uuid)`);
  }
  const most = value(limit);
  const select = (...more: readonly string[]): string =>
    `SELECT ${entryColumns('a')}, a.occurred_at AS at FROM audit_log a
     WHERE ${[...more, ...conditions, 'true'].join(' AND ')}
     ORDER BY a.occurred_at DESC, a.id DESC LIMIT ${most}`;
  if (clientId === undefined) return { text: select(), values };
  const client = value(clientId);
  const acted = select(`a.actor_client_id = ${client}`);
  const concerned = select(
    `a.target_type = 'client' AND a.target_id = ${client} AND a.actor_client_id IS DISTINCT FROM ${client}`,
  );
  return { text: `(${acted}) UNION ALL (${concerned}) ORDER BY at DESC, id DESC LIMIT ${most}`, values };
}
