import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../access/index.js';
import { inTransaction } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { authenticatesWithSecret } from './client-capabilities.js';
import { ClientJournal } from './client-journal.js';
import { ClientLock } from './client-lock.js';
import { generateClientSecret, type NewClientSecret, pepperPurpose, secretRandomLength } from './client-secret.js';
import { ClientRepository } from './client.repository.js';
import { LastSecret, NoSecretMethod, SecretNotFound, TooManySecrets } from './clients.errors.js';

/** A new secret, and what becomes of the older ones. */
export interface RegeneratedSecret extends NewClientSecret {
  /** When the last of the older secrets ends; `null`: none is live any more. */
  readonly previousSecretsExpireAt: Date | null;
}

export const maxLiveSecrets = 10;

/** The use cases on the secrets of a client. Writers of one client take turns, held by the lock on its row. */
@Injectable()
export class ClientSecretsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ClientLock) private readonly lock: ClientLock,
    @Inject(ClientJournal) private readonly journal: ClientJournal,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * Gives the client one more secret, and ends the older ones: at once, or after an overlap at the latest.
   *
   * @param overlapSeconds 0: at once
   * @throws ClientNotFound, NoSecretMethod, TooManySecrets
   * @throws Problem 403 when the caller's token does not cover the client
   */
  async regenerate(caller: Caller, clientId: string, overlapSeconds: number): Promise<RegeneratedSecret> {
    const secret = generateClientSecret(this.derivedKeys.derive(pepperPurpose), randomBytes(secretRandomLength));
    return inTransaction(this.dataSource, async (tx) => {
      const { tokenEndpointAuthMethod, tokenEpoch: epoch } = await this.lock.acquire(tx, caller, clientId);
      if (!authenticatesWithSecret(tokenEndpointAuthMethod)) throw new NoSecretMethod();
      let previousSecretsExpireAt: Date | null = null;
      if (overlapSeconds === 0) await this.clients.deleteSecrets(tx, clientId);
      else previousSecretsExpireAt = await this.clients.endSecretsWithin(tx, clientId, overlapSeconds);
      const live = await this.clients.liveSecretIds(tx, clientId);
      if (live.length >= maxLiveSecrets) throw new TooManySecrets(maxLiveSecrets);
      await this.clients.insertSecret(tx, clientId, secret);
      await this.clients.touch(tx, clientId);
      const { secretId } = secret;
      const details = { overlap_seconds: overlapSeconds };
      await this.journal.record(
        tx,
        caller,
        { action: 'client.secret_regenerated', clientId, epoch, secretId },
        details,
      );
      return { ...secret, previousSecretsExpireAt };
    });
  }

  /**
   * Ends one secret.
   *
   * @throws ClientNotFound, SecretNotFound, LastSecret
   * @throws LastAdministrator when the last administrator would be left with secrets that all expire
   * @throws Problem 403 when the caller's token does not cover the client
   */
  async delete(caller: Caller, clientId: string, secretId: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const client = await this.lock.acquire(tx, caller, clientId);
      const secret = client.secrets.find((one) => one.secretId === secretId);
      if (secret === undefined) throw new SecretNotFound();
      if (authenticatesWithSecret(client.tokenEndpointAuthMethod)) {
        const live = await this.clients.liveSecretIds(tx, clientId);
        const others = client.secrets.filter((one) => one !== secret);
        if (others.length === 0 || (live.length === 1 && live[0] === secretId)) throw new LastSecret();
        const allExpire = others.every(({ expiresAt }) => expiresAt !== null);
        if (secret.expiresAt === null && allExpire) await this.lock.spare(tx, client, undefined);
      }
      await this.clients.deleteSecret(tx, clientId, secretId);
      await this.clients.touch(tx, clientId);
      const { tokenEpoch: epoch } = client;
      await this.journal.record(tx, caller, { action: 'client.secret_deleted', clientId, epoch, secretId });
    });
  }
}
