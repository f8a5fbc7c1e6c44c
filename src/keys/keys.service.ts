import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { ConfigurationError, KeyConfig } from '../config/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, readListQuery } from '../http/index.js';
import { unavailable } from '../protocol/index.js';
import { type KeyChange, KeyChanges } from './key-changes.js';
import { KeyHolds } from './key-holds.js';
import { leavesGap, type RotationByHand, rotationByHand } from './key-life.js';
import { KeyRing } from './key-ring.js';
import { type KeyAnswer, keyAnswer } from './key.answer.js';
import { JustRotated, KeyIsOver, KeyNotFound, NextKeyIsPublished, TooManyKeys } from './keys.errors.js';
import { isKid, publishedStatuses, type SigningKey } from './signing-key.js';
import { SigningKeyRepository } from './signing-key.repository.js';
import { SpareKeys } from './spare-keys.js';

/** The use cases of an administrator. */
@Injectable()
export class KeysService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
    @Inject(KeyChanges) private readonly changes: KeyChanges,
    @Inject(SpareKeys) private readonly spareKeys: SpareKeys,
    @Inject(KeyRing) private readonly ring: KeyRing,
    @Inject(KeyHolds) private readonly holds: KeyHolds,
    @Inject(KeyConfig) private readonly config: KeyConfig,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * Every key there ever was, newest first.
   *
   * @throws Problem 400 for a bad `limit` or `cursor`
   */
  async list(query: Query): Promise<Page<KeyAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const seal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['keys'] };
    const found = await this.repository.list(this.dataSource.manager, limit + 1, openCursor(seal, cursor));
    return pageOf(found, limit, seal, ({ listedAt, kid }) => ({ at: listedAt, id: kid }), keyAnswer);
  }

  /**
   * Publishes the next key, or has it sign at once: the published one if there is one, else a new one that verifiers with a
   * cached JWKS do not know yet.
   *
   * @returns the next key
   * @throws NextKeyIsPublished, JustRotated, TooManyKeys
   */
  async rotate(caller: Caller, immediate: boolean): Promise<SigningKey> {
    const next = await this.spareKeys.inTransaction(async (tx, take) => {
      const { keys, now } = await this.locked(tx);
      const rotation = rotationByHand(keys, now, this.config, immediate);
      const { kid, ...how } = await this.nextKey({ tx, take, keys, now }, rotation);
      const key = await this.read(tx, kid);
      const details = { alg: key.alg, immediate, ...how };
      await this.changes.record(tx, kid, { action: 'key.rotated', caller, details });
      return key;
    });
    await this.follow();
    return next;
  }

  /**
   * Ends a key that may be known to somebody else: it is out of the JWKS, and its tokens are dead, on every process. If it signs,
   * another one does so from the same moment on: the published one, else a new one.
   *
   * @throws KeyNotFound, KeyIsOver
   */
  async revoke(caller: Caller, kid: string, reason: string | undefined): Promise<void> {
    if (!isKid(kid)) throw new KeyNotFound();
    await this.spareKeys.inTransaction(async (tx, take) => {
      const { keys, now } = await this.locked(tx);
      const key = await this.read(tx, kid);
      if (!publishedStatuses.some((status) => status === key.status)) throw new KeyIsOver(key.status);
      await this.changes.revoke(tx, key, now);
      const rest = keys.filter((one) => one.kid !== kid);
      const next = leavesGap(keys, key, this.config) ? await this.begin({ tx, take, keys: rest, now }) : undefined;
      const details = { alg: key.alg, status: key.status, reason, next_kid: next?.kid };
      await this.changes.record(tx, kid, { action: 'key.revoked', caller, details });
    });
    await this.follow();
    await this.holds.released(kid);
  }

  /** The published keys as they are until the transaction ends, and the time. */
  private async locked(tx: EntityManager): Promise<{ keys: readonly SigningKey[]; now: number }> {
    await this.changes.lock(tx).catch((error: unknown) => {
      // Another key-encryption key is in use than this process has: the other processes can do it.
      throw error instanceof ConfigurationError ? unavailable(60, error) : error;
    });
    return { keys: await this.repository.published(tx), now: await this.repository.now(tx) };
  }

  private async nextKey(
    change: KeyChange,
    rotation: RotationByHand,
  ): Promise<{ kid: string; previous_kid?: string | undefined; activates_at?: string }> {
    if (rotation.kind === 'pending') throw new NextKeyIsPublished(new Date(rotation.activatesAt));
    if (rotation.kind === 'unsettled') throw new JustRotated();
    if (rotation.kind === 'full') throw new TooManyKeys();
    if (rotation.kind === 'begin') {
      const { kid, previous } = await this.begin(change);
      return { kid, previous_kid: previous };
    }
    const { tx, take, now } = change;
    const kid = await this.changes.publish(tx, take(), now, rotation.activatesAt);
    return { kid, activates_at: new Date(rotation.activatesAt).toISOString() };
  }

  /** Another key begins to sign now: the published one, else a new one. */
  private async begin({ tx, take, keys, now }: KeyChange): Promise<{ kid: string; previous: string | undefined }> {
    const pending = await this.changes.usablePending(tx, keys, this.config.signingAlg, now);
    if (pending === undefined) return this.changes.replace(tx, keys, take(), now);
    return { kid: pending.kid, previous: await this.changes.activate(tx, keys, pending.kid, now) };
  }

  private async read(tx: EntityManager, kid: string): Promise<SigningKey> {
    const key = await this.repository.find(tx, kid);
    if (key === undefined) throw new KeyNotFound();
    return key;
  }

  /** The change is committed: if this process cannot read it now, it will in a moment. */
  private async follow(): Promise<void> {
    await this.ring.reload().catch(() => undefined);
  }
}
