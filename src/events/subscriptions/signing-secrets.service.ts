import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../access/index.js';
import { Clock } from '../../clock/index.js';
import { inTransaction } from '../../database/index.js';
import { DerivedKeys } from '../../encryption/index.js';
import { newUuid } from '../../identifiers/index.js';
import { formatSigningSecret, sealSigningKey, signingKeyLength } from './signing-secret.js';
import { requireAuthority } from './subscription-authority.js';
import { SubscriptionJournal } from './subscription-journal.js';
import { SubscriptionRepository } from './subscription.repository.js';
import { SubscriptionNotFound, TooManySigningSecrets } from './subscriptions.errors.js';

/** A new signing secret at the one moment at which it is shown, and what becomes of the older ones. */
export interface RotatedSecret {
  readonly secretId: string;
  readonly signingSecret: string;
  /** When the last of the older secrets ends; `null`: none signs any more. */
  readonly previousSecretsExpireAt: Date | null;
}

/** Each signs every delivery. */
export const maxSigningSecrets = 5;

/** The use cases on the signing secrets of a subscription. Writers of one subscription take turns, held by the lock on its row. */
@Injectable()
export class SigningSecretsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SubscriptionRepository) private readonly subscriptions: SubscriptionRepository,
    @Inject(SubscriptionJournal) private readonly journal: SubscriptionJournal,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Gives a subscription a signing secret. @returns the secret, as it is shown this once */
  async give(tx: EntityManager, subscriptionId: string, secretId = newUuid(this.clock.now())): Promise<string> {
    const key = randomBytes(signingKeyLength);
    try {
      const ciphertext = sealSigningKey(this.derivedKeys, key, subscriptionId, secretId);
      await this.subscriptions.insertSecret(tx, subscriptionId, secretId, ciphertext);
      return formatSigningSecret(key);
    } finally {
      key.fill(0);
    }
  }

  /**
   * Gives the subscription one more signing secret, and ends the older ones: at once, or after an overlap at the latest. Until
   * then each delivery carries a signature of each.
   *
   * @param overlapSeconds 0: at once
   * @throws SubscriptionNotFound, TooManySigningSecrets
   * @throws Problem 403 when the caller's token does not cover the subscription
   */
  async rotate(caller: Caller, id: string, overlapSeconds: number): Promise<RotatedSecret> {
    return inTransaction(this.dataSource, async (tx) => {
      const subscription = await this.subscriptions.lock(tx, id);
      if (subscription === undefined) throw new SubscriptionNotFound();
      requireAuthority(caller, subscription);
      const { live, until } = await this.subscriptions.endSecrets(tx, id, overlapSeconds);
      if (live >= maxSigningSecrets) throw new TooManySigningSecrets(maxSigningSecrets);
      const secretId = newUuid(this.clock.now());
      const signingSecret = await this.give(tx, id, secretId);
      await this.subscriptions.touch(tx, id);
      const details = { secret_id: secretId, overlap_seconds: overlapSeconds };
      await this.journal.record(tx, caller, 'subscription.secret_rotated', id, details);
      return { secretId, signingSecret, previousSecretsExpireAt: until };
    });
  }
}
