import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../access/index.js';
import { type Counter, Measurements } from '../measurements/index.js';
import type { Preconditions } from '../protocol/index.js';
import type { ResourceKey } from './resource-key.js';
import type { StateContent } from './state-content.js';
import { type ReadResource, StateRepository } from './state.repository.js';
import { StateWriter } from './state-writer.service.js';
import type { StateOutcome } from './state-write.js';
import { ResourceGone, ResourceNotFound } from './sync.errors.js';

/** A write that was done. */
export type DoneWrite = Extract<StateOutcome, { readonly version: number }>;

/** The use cases on single resources. */
@Injectable()
export class SyncService {
  private readonly counted: Readonly<Record<'changed' | 'unchanged' | 'refused', Counter>>;

  constructor(
    @Inject(StateWriter) private readonly writer: StateWriter,
    @Inject(StateRepository) private readonly states: StateRepository,
    @Inject(Measurements) measurements: Measurements,
  ) {
    const writes = measurements.counters({
      name: 'signet_state_writes_total',
      help: 'Writes of state, by what has come of them.',
      labels: ['outcome'],
    });
    this.counted = { changed: writes.of('changed'), unchanged: writes.of('unchanged'), refused: writes.of('refused') };
  }

  /**
   * The newest state of a resource.
   *
   * @throws ResourceNotFound, ResourceGone
   * @throws DatabaseUnavailable
   */
  async read(key: ResourceKey): Promise<ReadResource> {
    const resource = await this.states.find(key);
    if (resource === undefined) throw new ResourceNotFound();
    if (resource.state === null) throw new ResourceGone();
    return resource;
  }

  /**
   * Writes a state. The first write of a type takes the type. What has the same content as before is no change.
   *
   * @throws TypeOfAnotherClient
   * @throws Problem 412
   * @throws DatabaseUnavailable
   */
  put(caller: Caller, key: ResourceKey, preconditions: Preconditions, content: StateContent): Promise<DoneWrite> {
    return this.write(caller, key, preconditions, content);
  }

  /**
   * Deletes a resource; what is left tells that it was there.
   *
   * @throws TypeOfAnotherClient, ResourceNotFound, ResourceGone
   * @throws Problem 412
   * @throws DatabaseUnavailable
   */
  async delete(caller: Caller, key: ResourceKey, preconditions: Preconditions): Promise<void> {
    await this.write(caller, key, preconditions, null);
  }

  private async write(
    { clientId, origin }: Caller,
    key: ResourceKey,
    preconditions: Preconditions,
    content: StateContent | null,
  ): Promise<DoneWrite> {
    const outcome = await this.writer.write({ ...key, clientId, origin, preconditions, content });
    if (outcome.refused !== undefined) {
      this.counted.refused.add();
      throw outcome.refused;
    }
    this.counted[outcome.written === undefined ? 'unchanged' : 'changed'].add();
    return outcome;
  }
}
