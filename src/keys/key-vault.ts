import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../audit/index.js';
import { asDatabaseError, inTransaction, unhurried } from '../database/index.js';
import {
  assertWrappedBy,
  DecryptionFailed,
  KeyWrappers,
  lockKeyCreation,
  openEnvelope,
  sealEnvelope,
  wrapperInUse,
} from '../encryption/index.js';
import { generateSigningKeyPair } from './key-generation.js';
import { publicJwk } from './public-jwk.js';
import { isKid, type SigningAlg } from './signing-key.js';
import { type NewKey, SigningKeyRepository } from './signing-key.repository.js';
import { placeOfSigningKey } from './wrapped-signing-keys.js';

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
        const kid = await this.create(tx, alg, { status: 'active', createdAt: now, activatesAt: now });
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

  /**
   * Makes a key of `alg` and stores it encrypted.
   *
   * @param tx holds the lock of `lockKeyCreation`
   * @returns its `kid`
   */
  async create(tx: EntityManager, alg: SigningAlg, key: NewKey): Promise<string> {
    const wrapper = await wrapperInUse(tx, this.wrappers);
    const { publicKey, privateKey } = await generateSigningKeyPair(alg);
    const jwk = await publicJwk(publicKey, alg);
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    try {
      const envelope = await sealEnvelope(wrapper, pkcs8, placeOfSigningKey(jwk.kid, alg));
      await this.repository.insert(tx, jwk, envelope, key);
    } finally {
      pkcs8.fill(0);
    }
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
