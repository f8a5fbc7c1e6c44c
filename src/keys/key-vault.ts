import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../audit/index.js';
import { asDatabaseError, inTransaction, unhurried } from '../database/index.js';
import {
  assertWrappedBy,
  DecryptionFailed,
  type Envelope,
  KeyWrappers,
  lockKeyCreation,
  openEnvelope,
  rewrapEnvelope,
  sealEnvelope,
  wrapperInUse,
} from '../encryption/index.js';
import { generateSigningKeyPair } from './key-generation.js';
import { type PublicJwk, publicJwk } from './public-jwk.js';
import { isKid, type SigningAlg } from './signing-key.js';
import { type NewKey, SigningKeyRepository } from './signing-key.repository.js';
import { placeOfSigningKey } from './wrapped-signing-keys.js';

/** A key that is stored nowhere yet; its private part is encrypted already. */
export interface MadeKey {
  readonly jwk: PublicJwk;
  readonly envelope: Envelope;
}

/** Makes signing keys and opens them: the one place where a private key is in the clear outside a signer. */
@Injectable()
export class KeyVault {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(KeyWrappers) private readonly wrappers: KeyWrappers,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
  ) {}

  /**
   * Makes the first key, of `alg` and active at once, unless there is an active one of any algorithm. Any number of processes
   * may call it at once.
   *
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when the stored keys belong to another one; nothing is changed then
   * @throws DatabaseUnavailable
   */
  async ensureActive(alg: SigningAlg): Promise<void> {
    await inTransaction(
      this.dataSource,
      async (tx) => {
        await assertWrappedBy(tx, this.wrappers);
        if (await this.repository.hasActive(tx)) return;
        await lockKeyCreation(tx);
        await assertWrappedBy(tx, this.wrappers);
        if (await this.repository.hasActive(tx)) return;
        const now = new Date(await this.repository.now(tx));
        // In here, unlike any later key: of the processes of a first start one makes it, and the others wait for it anyway.
        const kid = await this.store(tx, await this.make(alg), { status: 'active', createdAt: now, activatesAt: now });
        await this.audit.record(tx, { action: 'key.created', targetType: 'key', targetId: kid, details: { alg } });
      },
      unhurried,
    );
  }

  /**
   * Makes sure that this process can open and make keys as they are stored now: where it cannot, the keys are none the worse.
   *
   * @param tx holds the lock of `lockKeyCreation`
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY`
   */
  async assertAble(tx: EntityManager): Promise<void> {
    await wrapperInUse(tx, this.wrappers);
  }

  /** Makes a key of `alg` and encrypts it; asks the database nothing. An RSA key takes hundreds of milliseconds. */
  async make(alg: SigningAlg): Promise<MadeKey> {
    const { publicKey, privateKey } = await generateSigningKeyPair(alg);
    const jwk = await publicJwk(publicKey, alg);
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    try {
      return { jwk, envelope: await sealEnvelope(this.wrappers.preferred, pkcs8, placeOfSigningKey(jwk.kid, alg)) };
    } finally {
      pkcs8.fill(0);
    }
  }

  /**
   * Stores a key that this process has made.
   *
   * @param tx holds the lock of `lockKeyCreation`
   * @returns its `kid`
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY`
   */
  async store(tx: EntityManager, { jwk, envelope }: MadeKey, key: NewKey): Promise<string> {
    const { preferred } = this.wrappers;
    const inUse = await wrapperInUse(tx, this.wrappers);
    const place = placeOfSigningKey(jwk.kid, jwk.alg);
    // Which key-encryption key is in use is only known, and stays so, within the lock.
    const rewrapped = inUse.kekId === preferred.kekId ? {} : await rewrapEnvelope(preferred, inUse, envelope, place);
    await this.repository.insert(tx, jwk, { ...envelope, ...rewrapped }, key);
    return jwk.kid;
  }

  /**
   * The private key stored under `kid`. That it opens proves that this server stored it, as a key of `alg`.
   *
   * @param manager a transaction, where it is to be seen as that does
   * @throws DecryptionFailed when the row was altered, moved, or written by somebody else
   * @throws DatabaseUnavailable
   */
  async open(kid: string, alg: SigningAlg, manager: EntityManager = this.dataSource.manager): Promise<KeyObject> {
    const envelope = await this.repository.envelope(manager, kid).catch((error: unknown) => {
      throw asDatabaseError(error);
    });
    if (envelope === undefined || !isKid(kid)) throw new DecryptionFailed();
    const wrapper = await this.wrappers.find(envelope.kekId);
    if (wrapper === undefined) throw new DecryptionFailed();
    const pkcs8 = await openEnvelope(wrapper, envelope, placeOfSigningKey(kid, alg));
    try {
      return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    } finally {
      pkcs8.fill(0);
    }
  }

  /** Whether {@link open} would succeed. */
  async opens(kid: string, alg: SigningAlg, manager: EntityManager): Promise<boolean> {
    try {
      await this.open(kid, alg, manager);
      return true;
    } catch (error) {
      if (error instanceof DecryptionFailed) return false;
      throw error;
    }
  }
}
