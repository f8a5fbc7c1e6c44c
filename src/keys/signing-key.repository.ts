import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import type { PreparedStatement } from '../database/index.js';
import type { Envelope } from '../encryption/index.js';
import type { PublicJwk } from './public-jwk.js';
import { SigningKeyEntity } from './signing-key.entity.js';
import { publishedStatuses, type SigningAlg, type SigningKey } from './signing-key.js';

/** Tells cheaply whether the published keys have changed; see {@link fingerprintOf}. */
export const fingerprintStatement: PreparedStatement = {
  name: 'signing_keys_fingerprint',
  text: `
    SELECT coalesce(string_agg(kid || ' ' || status, ',' ORDER BY kid COLLATE "C"), '') AS fingerprint
    FROM signing_keys WHERE status = ANY ($1::text[])`,
  values: [publishedStatuses],
};

/** What {@link fingerprintStatement} answers when exactly `keys` are published. */
export function fingerprintOf(keys: readonly SigningKey[]): string {
  return keys
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.kid), Buffer.from(b.kid)))
    .map(({ kid, status }) => `${kid} ${status}`)
    .join(',');
}

/** The queries on `signing_keys`. */
@Injectable()
export class SigningKeyRepository {
  /** Every key that belongs in the JWKS, in no particular order. */
  published(manager: EntityManager): Promise<SigningKey[]> {
    return manager.find(SigningKeyEntity, {
      select: { kid: true, alg: true, status: true, createdAt: true, activatedAt: true, expiresAt: true },
      where: { status: In([...publishedStatuses]) },
    });
  }

  /** Whether a key of `alg` is active. */
  hasActive(manager: EntityManager, alg: SigningAlg): Promise<boolean> {
    return manager.existsBy(SigningKeyEntity, { alg, status: 'active' });
  }

  /** The encrypted private part of a key; `undefined` when the key is unknown or its private part was destroyed. */
  async envelope(manager: EntityManager, kid: string): Promise<Envelope | undefined> {
    const row = await manager.findOne(SigningKeyEntity, {
      select: { kid: true, privateCiphertext: true, wrappedDek: true, kekId: true, envelopeVersion: true },
      where: { kid },
    });
    if (row === null || row.privateCiphertext === null || row.wrappedDek === null || row.kekId === null)
      return undefined;
    const { envelopeVersion: version, kekId, wrappedDek, privateCiphertext: ciphertext } = row;
    return { version, kekId, wrappedDek, ciphertext };
  }

  /** Adds a key that signs from now on, by the clock of the database. */
  async insertActive(tx: EntityManager, jwk: PublicJwk, envelope: Envelope): Promise<void> {
    await tx
      .createQueryBuilder()
      .insert()
      .into(SigningKeyEntity)
      .values({
        kid: jwk.kid,
        alg: jwk.alg,
        status: 'active',
        publicJwk: jwk,
        privateCiphertext: envelope.ciphertext,
        wrappedDek: envelope.wrappedDek,
        kekId: envelope.kekId,
        envelopeVersion: envelope.version,
        activatedAt: () => 'now()',
      })
      .execute();
  }
}
