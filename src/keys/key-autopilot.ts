import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { KeyConfig } from '../config/index.js';
import { afterCommit, inTransaction, isDatabaseUnavailable, unhurried } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';
import { type KeyChange, KeyChanges } from './key-changes.js';
import { dueSteps, graceMs, type KeyStep } from './key-life.js';
import { KeyRing } from './key-ring.js';
import type { SigningKey } from './signing-key.js';
import { SigningKeyRepository } from './signing-key.repository.js';
import { SpareKeys } from './spare-keys.js';

/** Longest look at the tokens that a key has signed, in milliseconds; on more of them the key just stays published longer. */
const measuringMs = 2_000;

/** Takes the keys through their life as time passes. */
@Injectable()
export class KeyAutopilot implements OnModuleInit {
  private readonly logger = new Logger('keys');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
    @Inject(KeyChanges) private readonly changes: KeyChanges,
    @Inject(SpareKeys) private readonly spareKeys: SpareKeys,
    @Inject(KeyRing) private readonly ring: KeyRing,
    @Inject(KeyConfig) private readonly config: KeyConfig,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: 'signing-keys', everySeconds: 60, run: async () => void (await this.tend()) });
  }

  /**
   * Does what is due. Safe at any time, in any number of processes: one of them changes the keys, the others find it done.
   *
   * @param now milliseconds since the epoch; the clock of the database, unless given
   * @returns what was done
   * @throws DatabaseUnavailable
   * @throws ConfigurationError when the keys were encrypted with another key-encryption key than this process has
   */
  async tend(now?: number): Promise<readonly KeyStep[]> {
    if ((await this.due(this.dataSource.manager, now)).steps.length === 0) return [];
    const done = await this.spareKeys.inTransaction(async (tx, take) => {
      await this.changes.lock(tx);
      const { keys, steps, at } = await this.due(tx, now);
      for (const step of steps) await this.run(step, { tx, take, keys, now: at });
      return { steps, at };
    }, unhurried);
    await this.ring.reload();
    for (const step of done.steps) {
      if (step.kind === 'measure') await this.measure(step.kid, done.at);
    }
    return done.steps;
  }

  private async due(
    manager: EntityManager,
    now: number | undefined,
  ): Promise<{ keys: readonly SigningKey[]; steps: readonly KeyStep[]; at: number }> {
    const at = now ?? (await this.repository.now(manager));
    const keys = await this.repository.published(manager);
    return { keys, steps: dueSteps(keys, at, this.config), at };
  }

  private async run(step: KeyStep, change: KeyChange): Promise<void> {
    const { tx, now } = change;
    switch (step.kind) {
      case 'publish':
        return this.publish(step, change);
      case 'activate':
        return this.activate(step, change);
      case 'cease':
        await this.changes.cease(tx, step.kid, now);
        return this.changes.record(tx, step.kid, { action: 'key.ceased', caller: undefined });
      case 'retire':
        await this.changes.retire(tx, step.kid);
        return this.changes.record(tx, step.kid, { action: 'key.retired', caller: undefined });
      case 'measure':
        // Not in here: it takes its time.
        return;
    }
  }

  private async publish(
    { alg, activatesAt }: Extract<KeyStep, { kind: 'publish' }>,
    { tx, take, now }: KeyChange,
  ): Promise<void> {
    const kid = await this.changes.publish(tx, take(), now, activatesAt);
    const details = { alg, activates_at: new Date(activatesAt).toISOString() };
    await this.changes.record(tx, kid, { action: 'key.created', caller: undefined, details });
    afterCommit(tx, () => this.logger.log(`the key ${kid} is published, and signs from ${details.activates_at} on`));
  }

  private async activate(
    { kid, alg }: Extract<KeyStep, { kind: 'activate' }>,
    { tx, keys, now }: KeyChange,
  ): Promise<void> {
    if ((await this.changes.usablePending(tx, keys, alg, now)) === undefined) return;
    const previous = await this.changes.activate(tx, keys, kid, now);
    const details = { alg, previous_kid: previous };
    await this.changes.record(tx, kid, { action: 'key.activated', caller: undefined, details });
    afterCommit(tx, () => this.logger.log(`the key ${kid} signs from now on`));
  }

  /** A key that no longer signs need not stay published for longer than its tokens live. */
  private async measure(kid: string, now: number): Promise<void> {
    try {
      await inTransaction(
        this.dataSource,
        async (tx) => {
          await tx.query(`SELECT set_config('statement_timeout', $1, true)`, [`${measuringMs}ms`]);
          const last = await this.repository.lastExpiryOfTokens(tx, kid, new Date(now));
          await this.repository.setExpiry(tx, kid, new Date(Math.max(last?.getTime() ?? 0, now) + graceMs));
        },
        unhurried,
      );
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
    }
  }
}
