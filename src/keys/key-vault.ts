import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../audit/index.js';
import { asDatabaseError, inTransaction } from '../database/index.js';
import {
  assertWrappedBy,
  DecryptionFailed,
  KeyWrapper,
  lockKeyCreation,
  openEnvelope,
  type Place,
  sealEnvelope,
} from '../encryption/index.js';
import { generateSigningKeyPair } from './key-generation.js';
import { publicJwk } from './public-jwk.js';
import type { SigningAlg } from './signing-key.js';
import { SigningKeyRepository } from './signing-key.repository.js';

/** SHA-256 in base64url: the form of every `kid` that this server makes (RFC 7638). */
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

/** Makes signing keys and opens them: the one place where a private key is in the clear outside a signer. */
@Injectable()
export class KeyVault {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(KeyWrapper) private readonly wrapper: KeyWrapper,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
  ) {}

  /**
   * Makes the first key of `alg`, active at once, unless there is an active one. Any number of processes may call it at once.
   *
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when the stored keys belong to another one; nothing is changed then
   * @throws DatabaseUnavailable
   */
  async ensureActive(alg: SigningAlg): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      await assertWrappedBy(tx, this.wrapper.kekId);
      if (await this.repository.hasActive(tx, alg)) return;
      await lockKeyCreation(tx);
      await assertWrappedBy(tx, this.wrapper.kekId);
      if (!(await this.repository.hasActive(tx, alg))) await this.create(tx, alg);
    });
  }

  /**
   * The private key stored under `kid`. That it opens proves that this server stored it, as a key of `alg`.
   *
   * @throws DecryptionFailed when the row was altered, moved, or written by somebody else
   * @throws DatabaseUnavailable
   */
  async open(kid: string, alg: SigningAlg): Promise<KeyObject> {
    const envelope = await this.repository.envelope(this.dataSource.manager, kid).catch((error: unknown) => {
      throw asDatabaseError(error);
    });
    if (envelope === undefined || !thumbprint.test(kid)) throw new DecryptionFailed();
    const pkcs8 = await openEnvelope(this.wrapper, envelope, placeOf(kid, alg));
    try {
      return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    } finally {
      pkcs8.fill(0);
    }
  }

  private async create(tx: EntityManager, alg: SigningAlg): Promise<void> {
    const { publicKey, privateKey } = await generateSigningKeyPair(alg);
    const jwk = await publicJwk(publicKey, alg);
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    try {
      await this.repository.insertActive(tx, jwk, await sealEnvelope(this.wrapper, pkcs8, placeOf(jwk.kid, alg)));
    } finally {
      pkcs8.fill(0);
    }
    await this.audit.record(tx, { action: 'key.created', targetType: 'key', targetId: jwk.kid, details: { alg } });
  }
}

function placeOf(kid: string, alg: SigningAlg): Place {
  return { table: 'signing_keys', id: kid, alg, purpose: 'token-signing' };
}
