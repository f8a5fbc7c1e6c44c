import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit, type AuditAction } from '../audit/index.js';
import { inTransaction, isUniqueViolation } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { type CursorSeal, openCursor, type Page, pageOf, type Query, readListQuery } from '../http/index.js';
import { isPrivileged, isRegistrableScopeName, isScopeToken } from '../protocol/index.js';
import { type Scope, type ScopeAnswer, scopeAnswer } from './scope.js';
import { ScopeHolders } from './scope-holders.js';
import { ScopeRegistry } from './scope-registry.js';
import { ScopeRepository } from './scope.repository.js';
import type { CreateScopeBody, UpdateScopeBody } from './scopes.dto.js';
import { ScopeInUse, ScopeNameRefused, ScopeNameTaken, ScopeNeeded, ScopeNotFound } from './scopes.errors.js';

/** The use cases of the scope registry (http-api.md "Scopes"). */
@Injectable()
export class ScopesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ScopeRepository) private readonly scopes: ScopeRepository,
    @Inject(ScopeRegistry) private readonly registry: ScopeRegistry,
    @Inject(ScopeHolders) private readonly holders: ScopeHolders,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /** @throws Problem 400 for a bad `limit` or `cursor` */
  async list(query: Query): Promise<Page<ScopeAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const seal: CursorSeal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['scopes'] };
    const found = await this.scopes.list(this.dataSource.manager, limit + 1, openCursor(seal, cursor));
    return pageOf(found, limit, seal, ({ listedAt, name }) => ({ at: listedAt, id: name }), scopeAnswer);
  }

  /** @throws ScopeNameRefused, ScopeNameTaken */
  async create(caller: Caller, body: CreateScopeBody): Promise<Scope> {
    if (!isRegistrableScopeName(body.name)) throw new ScopeNameRefused();
    try {
      return await this.changingRegistry(async (tx) => {
        const scope = await this.scopes.insert(tx, body.name, body.description ?? '');
        await this.scopes.bumpVersion(tx);
        await this.record(tx, caller, 'scope.created', scope.name);
        return scope;
      });
    } catch (error) {
      throw isUniqueViolation(error, 'scopes_pkey') ? new ScopeNameTaken() : error;
    }
  }

  /** Changes the description, where the patch has one. @throws ScopeNotFound */
  async update(caller: Caller, name: string, patch: UpdateScopeBody): Promise<Scope> {
    return inTransaction(this.dataSource, async (tx) => {
      const scope = await this.lock(tx, name);
      const description = patch.description === undefined ? scope.description : (patch.description ?? '');
      if (description === scope.description) return scope;
      const updated = await this.scopes.describe(tx, name, description);
      await this.record(tx, caller, 'scope.updated', name);
      return updated;
    });
  }

  /** @throws ScopeNotFound, ScopeNeeded, ScopeInUse */
  async delete(caller: Caller, name: string): Promise<void> {
    await this.changingRegistry(async (tx) => {
      await this.lock(tx, name);
      if (isPrivileged(name)) throw new ScopeNeeded();
      if (await this.holders.anyHolds(tx, name)) throw new ScopeInUse();
      await this.scopes.delete(tx, name);
      await this.scopes.bumpVersion(tx);
      await this.record(tx, caller, 'scope.deleted', name);
    });
  }

  /** One transaction after which this process tells the names as they are now; the others follow within a second. */
  private async changingRegistry<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const result = await inTransaction(this.dataSource, work);
    await this.registry.load().catch(() => undefined);
    return result;
  }

  /** Which of `names` nobody has registered. The others cannot be deleted before the transaction ends. */
  async unregistered(tx: EntityManager, names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return [];
    const registered = await this.scopes.holdRegistered(tx, names);
    return names.filter((name) => !registered.has(name));
  }

  private async lock(tx: EntityManager, name: string): Promise<Scope> {
    // What is no scope-token is registered nowhere, and not every text can be asked of PostgreSQL.
    const scope = isScopeToken(name) ? await this.scopes.lock(tx, name) : undefined;
    if (scope === undefined) throw new ScopeNotFound();
    return scope;
  }

  private async record(tx: EntityManager, caller: Caller, action: AuditAction, name: string): Promise<void> {
    const { clientId, origin } = caller;
    await this.audit.record(tx, { action, actorClientId: clientId, targetType: 'scope', targetId: name, origin });
  }
}
