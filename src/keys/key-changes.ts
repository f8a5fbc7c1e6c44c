import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit, type AuditAction } from '../audit/index.js';
import { afterCommit } from '../database/index.js';
import { lockKeyCreation } from '../encryption/index.js';
import { Outbox } from '../outbox/index.js';
import { latestExpiry } from './key-life.js';
import { KeyVault, type MadeKey } from './key-vault.js';
import type { SigningAlg, SigningKey } from './signing-key.js';
import { SigningKeyRepository } from './signing-key.repository.js';
import type { TakeKey } from './spare-keys.js';

/** What an entry of the audit log says of a change of the keys. */
export interface KeyEntry {
  readonly action: AuditAction;
  /** `undefined`: the server itself. */
  readonly caller: Caller | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A change that is being made: within {@link KeyChanges.lock}, with the published keys and the time as they were read since. */
export interface KeyChange {
  readonly tx: EntityManager;
  readonly take: TakeKey;
  readonly keys: readonly SigningKey[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The changes that a key goes through, each with its event. Whoever calls them has called {@link lock} in `tx`, and has read the
 * keys since. The processes hear of it when `tx` commits.
 */
@Injectable()
export class KeyChanges {
  private readonly logger = new Logger('keys');

  constructor(
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
    @Inject(KeyVault) private readonly vault: KeyVault,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * Lets one process at a time change the keys, until its transaction ends.
   *
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when this process is not able to
   */
  async lock(tx: EntityManager): Promise<void> {
    await lockKeyCreation(tx);
    await this.vault.assertAble(tx);
  }

  /** Publishes a new key, which does not sign before `activatesAt`. */
  async publish(tx: EntityManager, made: MadeKey, now: number, activatesAt: number): Promise<string> {
    const { alg } = made.jwk;
    const times = { createdAt: new Date(now), activatesAt: new Date(activatesAt) };
    const kid = await this.vault.store(tx, made, { status: 'pending', ...times });
    await this.outbox.append(tx, { type: 'oauth.key.rotated', subject: kid, data: { kid, alg, status: 'pending' } });
    await this.repository.announce(tx);
    return kid;
  }

  /**
   * A pending key signs from `now` on, and the active one of its algorithm, if there is one, ceases.
   *
   * @returns the one that ceased
   */
  async activate(
    tx: EntityManager,
    keys: readonly SigningKey[],
    kid: string,
    now: number,
  ): Promise<string | undefined> {
    const { alg } = find(keys, kid);
    const previous = await this.ceaseActive(tx, keys, alg, now);
    await this.repository.activate(tx, kid, new Date(now));
    await this.begun(tx, kid, alg, previous);
    return previous;
  }

  /** A new key signs from `now` on, instead of the active one of its algorithm. */
  async replace(
    tx: EntityManager,
    keys: readonly SigningKey[],
    made: MadeKey,
    now: number,
  ): Promise<{ kid: string; previous: string | undefined }> {
    const { alg } = made.jwk;
    const previous = await this.ceaseActive(tx, keys, alg, now);
    const at = new Date(now);
    const kid = await this.vault.store(tx, made, { status: 'active', createdAt: at, activatesAt: at });
    await this.begun(tx, kid, alg, previous);
    return { kid, previous };
  }

  /** An active key ceases to sign. */
  async cease(tx: EntityManager, kid: string, now: number): Promise<void> {
    await this.repository.cease(tx, kid, new Date(now), new Date(latestExpiry(now)));
    await this.repository.announce(tx);
  }

  /** A key that has ceased to sign leaves the JWKS. */
  async retire(tx: EntityManager, kid: string): Promise<void> {
    await this.repository.retire(tx, kid);
    await this.repository.announce(tx);
  }

  /** A published key leaves the JWKS for good. */
  async revoke(tx: EntityManager, { kid, alg }: SigningKey, now: number): Promise<void> {
    await this.repository.revoke(tx, kid, new Date(now));
    await this.outbox.append(tx, { type: 'oauth.key.revoked', subject: kid, data: { kid, alg } });
    await this.repository.announce(tx);
  }

  /**
   * The pending key of `alg`, if there is one that can sign. One that does not open was altered, or stored by somebody else: it
   * is revoked.
   */
  async usablePending(
    tx: EntityManager,
    keys: readonly SigningKey[],
    alg: SigningAlg,
    now: number,
  ): Promise<SigningKey | undefined> {
    const pending = keys.find((key) => key.alg === alg && key.status === 'pending');
    if (pending === undefined || (await this.vault.opens(pending.kid, alg, tx))) return pending;
    // The transaction may yet be begun anew.
    afterCommit(tx, () => this.logger.error(`the next signing key ${pending.kid} does not open and is revoked`));
    await this.revoke(tx, pending, now);
    await this.record(tx, pending.kid, {
      action: 'key.revoked',
      caller: undefined,
      details: { alg, reason: 'does_not_open' },
    });
    return undefined;
  }

  async record(tx: EntityManager, kid: string, { action, caller, details }: KeyEntry): Promise<void> {
    await this.audit.record(tx, {
      action,
      actorClientId: caller?.clientId,
      targetType: 'key',
      targetId: kid,
      origin: caller?.origin,
      details,
    });
  }

  private async ceaseActive(
    tx: EntityManager,
    keys: readonly SigningKey[],
    alg: SigningAlg,
    now: number,
  ): Promise<string | undefined> {
    const active = keys.find((key) => key.alg === alg && key.status === 'active');
    if (active !== undefined) await this.cease(tx, active.kid, now);
    return active?.kid;
  }

  private async begun(tx: EntityManager, kid: string, alg: SigningAlg, previous: string | undefined): Promise<void> {
    const data = { kid, alg, status: 'active' as const, ...(previous === undefined ? {} : { previous_kid: previous }) };
    await this.outbox.append(tx, { type: 'oauth.key.rotated', subject: kid, data });
    await this.repository.announce(tx);
  }
}

function find(keys: readonly SigningKey[], kid: string): SigningKey {
  const key = keys.find((one) => one.kid === kid);
  if (key === undefined) throw new Error('a key that was not read cannot change');
  return key;
}
