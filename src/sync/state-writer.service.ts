import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../audit/index.js';
import { afterCommit, Batches, beforeCommit, GroupCommit, inTransaction } from '../database/index.js';
import { Outbox } from '../outbox/index.js';
import { FeedWatch } from './feed-watch.js';
import type { ResourceKey } from './resource-key.js';
import { StateRepository } from './state.repository.js';
import {
  decide,
  type StateOutcome,
  type StateWrite,
  type StoredResource,
  type WrittenResource,
} from './state-write.js';

/** Most writes in one transaction: at most 16 MiB of states. */
const maxBatch = 64;

/** Most writes that wait; what comes on top is answered 503. */
const maxQueued = 1_000;

/**
 * Writes states. The writes of one moment are one transaction: each takes its turn in it, as if it were alone, and they share
 * what it costs to wait for the feed and for the disk. So several hundred of them fit into a second although the commits of all
 * processes stand in line.
 *
 * In a transaction, locks are taken in this order by everybody: types, then resources, each sorted; then the audit chain where
 * a type was taken; then the feed, last.
 */
@Injectable()
export class StateWriter implements OnApplicationShutdown {
  private readonly writes: GroupCommit<StateWrite, StateOutcome>;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(StateRepository) private readonly states: StateRepository,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(FeedWatch) private readonly watch: FeedWatch,
    @Inject(Batches) batches: Batches,
  ) {
    this.writes = new GroupCommit({
      maxBatch,
      maxQueued,
      measures: batches.of('state'),
      commit: (batch) => inTransaction(this.dataSource, (tx) => this.commit(tx, batch)),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.writes.drained();
  }

  /**
   * Does one write; resolves after its commit.
   *
   * @throws DatabaseUnavailable
   */
  write(write: StateWrite): Promise<StateOutcome> {
    return this.writes.add(write);
  }

  private async commit(tx: EntityManager, batch: readonly StateWrite[]): Promise<StateOutcome[]> {
    const owners = await this.ownersFor(tx, batch);
    const resources = new Map<string, StoredResource>();
    const creating = batch.filter((write) => mayCreate(write) && owners.get(write.resourceType) === write.clientId);
    await this.states.reserve(tx, distinct(creating));
    const locked = await this.states.lock(tx, distinct(batch));
    for (const resource of locked.resources) resources.set(keyOf(resource), resource);

    const changes: WrittenResource[] = [];
    const last = new Map<string, WrittenResource>();
    const outcomes = batch.map((write) => {
      const key = keyOf(write);
      const outcome = decide(write, owners.get(write.resourceType), resources.get(key), locked.now);
      if (outcome.refused === undefined && outcome.written !== undefined) {
        changes.push(outcome.written);
        resources.set(key, outcome.written);
        last.set(key, outcome.written);
      }
      return outcome;
    });
    if (changes.length > 0) await this.store(tx, changes, [...last.values()]);
    return outcomes;
  }

  /** Who the types belong to, once the first write of each has taken it. */
  private async ownersFor(tx: EntityManager, batch: readonly StateWrite[]): Promise<ReadonlyMap<string, string>> {
    const types = [...new Set(batch.map(({ resourceType }) => resourceType))];
    const owners = await this.states.owners(tx, types);
    const claims = new Map<string, StateWrite>();
    for (const write of batch) {
      const { resourceType } = write;
      if (mayCreate(write) && !owners.has(resourceType) && !claims.has(resourceType)) claims.set(resourceType, write);
    }
    if (claims.size === 0) return owners;
    const taken = await this.states.claim(tx, [...claims.values()]);
    for (const resourceType of taken) {
      const { clientId, origin } = claims.get(resourceType) as StateWrite;
      const entry = { actorClientId: clientId, targetType: 'state_type', targetId: resourceType, origin } as const;
      await this.audit.record(tx, { action: 'state.type_claimed', ...entry });
    }
    return this.states.owners(tx, types);
  }

  private async store(
    tx: EntityManager,
    changes: readonly WrittenResource[],
    last: readonly WrittenResource[],
  ): Promise<void> {
    await this.states.update(tx, last);
    await this.outbox.appendAll(
      tx,
      changes.map(({ resourceType, resourceId, version, deleted }) => ({
        type: 'state.changed',
        subject: `${resourceType}/${resourceId}`,
        data: { resource_type: resourceType, resource_id: resourceId, version, deleted },
      })),
    );
    beforeCommit(tx, async () => {
      const position = await this.states.append(tx, changes);
      afterCommit(tx, () => this.watch.advanced(position));
    });
  }
}

/** Whether a write of a resource that is not there yet makes it: `If-Match` never matches what is not there. */
function mayCreate({ content, preconditions }: StateWrite): boolean {
  return content !== null && preconditions.ifMatch === undefined;
}

/** A type holds no slash. */
function keyOf({ resourceType, resourceId }: ResourceKey): string {
  return `${resourceType}/${resourceId}`;
}

function distinct<Key extends ResourceKey>(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [keyOf(key), key])).values()];
}
