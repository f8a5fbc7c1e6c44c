import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CursorPosition } from '../database/index.js';
import type { ListedScope, Scope } from './scope.js';
import { ScopeEntity } from './scope.entity.js';

const preciseCreatedAt = `to_char(scope.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The only queries on `scopes`. */
@Injectable()
export class ScopeRepository {
  /** Scopes after `after`, newest first. */
  async list(manager: EntityManager, limit: number, after: CursorPosition | undefined): Promise<ListedScope[]> {
    const query = manager
      .createQueryBuilder(ScopeEntity, 'scope')
      .addSelect(preciseCreatedAt, 'listed_at')
      .orderBy('scope.createdAt', 'DESC')
      .addOrderBy('scope.name', 'DESC')
      .limit(limit);
    if (after !== undefined) {
      query.where('(scope.created_at, scope.name) < (CAST(:at AS timestamptz), :name)', {
        at: after.at,
        name: after.id,
      });
    }
    const { entities, raw } = await query.getRawAndEntities<{ listed_at: string }>();
    return entities.map((entity, index) => ({ ...toScope(entity), listedAt: raw[index]?.listed_at ?? '' }));
  }

  /** The scope, locked against every other write until the transaction ends. */
  async lock(tx: EntityManager, name: string): Promise<Scope | undefined> {
    const entity = await tx.findOne(ScopeEntity, { where: { name }, lock: { mode: 'pessimistic_write' } });
    return entity === null ? undefined : toScope(entity);
  }

  /** Which of `names` are registered; none of those can be deleted before the transaction ends. */
  async holdRegistered(tx: EntityManager, names: readonly string[]): Promise<Set<string>> {
    const rows = await tx.query<{ name: string }[]>(
      'SELECT name FROM scopes WHERE name = ANY($1::text[]) ORDER BY name FOR KEY SHARE',
      [names],
    );
    return new Set(rows.map(({ name }) => name));
  }

  /** @throws QueryFailedError a violation of `scopes_pkey` if the name is taken */
  async insert(tx: EntityManager, name: string, description: string): Promise<Scope> {
    await tx.insert(ScopeEntity, { name, description });
    return toScope(await tx.findOneByOrFail(ScopeEntity, { name }));
  }

  /** Writes a new description and gives the scope as it is now. */
  async describe(tx: EntityManager, name: string, description: string): Promise<Scope> {
    await tx.update(ScopeEntity, { name }, { description, updatedAt: () => 'statement_timestamp()' });
    return toScope(await tx.findOneByOrFail(ScopeEntity, { name }));
  }

  async delete(tx: EntityManager, name: string): Promise<void> {
    await tx.delete(ScopeEntity, { name });
  }

  /** Makes every cached copy of the set of names stale, from the commit on. */
  async bumpVersion(tx: EntityManager): Promise<void> {
    await tx.query('UPDATE scope_registry SET version = version + 1');
  }
}

function toScope({ name, description, createdAt, updatedAt }: ScopeEntity): Scope {
  return { name, description, createdAt, updatedAt };
}
