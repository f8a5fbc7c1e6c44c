import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { KeyConfig } from '../config/index.js';
import { inTransaction } from '../database/index.js';
import { KeyVault, type MadeKey } from './key-vault.js';

/** Hands a new key of `SIGNING_ALG` over; throws what ends the transaction when there is none at hand. */
export type TakeKey = () => MadeKey;

/** Nothing is wrong: a transaction is to begin anew, with a key at hand. */
class NoKeyAtHand extends Error {}

/**
 * Makes new keys outside the transactions that store them: an RSA key takes hundreds of milliseconds, on a busy machine seconds,
 * for which nobody else could change the keys.
 *
 * Whether a key is needed is only known within the lock. So a transaction that finds it needs one is rolled back, the key is
 * made, and the transaction runs again. Those that wait at the same time share what is made, since most of them find then that
 * there is nothing left to do. What nobody has taken is dropped with the last of them.
 */
@Injectable()
export class SpareKeys {
  private spare: MadeKey | undefined;
  private making: Promise<void> | undefined;
  private users = 0;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(KeyVault) private readonly vault: KeyVault,
    @Inject(KeyConfig) private readonly config: KeyConfig,
  ) {}

  /**
   * Runs `work` in a transaction, once more for each key that it needs and that was not at hand.
   *
   * @param work calls `take` where it stores a new key, and lets through what that throws
   * @param options those of {@link inTransaction}, for each of the transactions
   * @throws DatabaseUnavailable
   */
  async inTransaction<T>(
    work: (tx: EntityManager, take: TakeKey) => Promise<T>,
    options?: Parameters<typeof inTransaction>[2],
  ): Promise<T> {
    const take = () => this.take();
    this.users += 1;
    try {
      for (;;) {
        try {
          return await inTransaction(this.dataSource, (tx) => work(tx, take), options);
        } catch (error) {
          if (!(error instanceof NoKeyAtHand)) throw error;
        }
        await this.ready();
      }
    } finally {
      this.users -= 1;
      if (this.users === 0) this.spare = undefined;
    }
  }

  private take(): MadeKey {
    const { spare } = this;
    if (spare === undefined) throw new NoKeyAtHand();
    this.spare = undefined;
    return spare;
  }

  private async ready(): Promise<void> {
    if (this.spare !== undefined) return;
    this.making ??= this.vault
      .make(this.config.signingAlg)
      .then((made) => void (this.spare = made))
      .finally(() => (this.making = undefined));
    await this.making;
  }
}
