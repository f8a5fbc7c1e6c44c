import { type EntityManager, IsNull, Not } from 'typeorm';
import { DecryptionFailed, type Envelope, openEnvelope, type Place, rewrapEnvelope } from '../encryption/index.js';
import type { KeyWrapper, WrappedKeys } from '../encryption/index.js';
import { SigningKeyEntity } from './signing-key.entity.js';
import type { SigningAlg } from './signing-key.js';

/** Where the private part of a signing key is stored. */
export function placeOfSigningKey(kid: string, alg: SigningAlg): Place {
  return { table: 'signing_keys', id: kid, alg, purpose: 'token-signing' };
}

/** The data keys of the signing keys, which a key-encryption key wraps. */
export const wrappedSigningKeys: WrappedKeys = {
  async rewrap(tx, from, to) {
    const stored = (await envelopes(tx)).filter(({ envelope }) => envelope.kekId !== to.kekId);
    for (const { kid, alg, envelope } of stored) {
      if (from === undefined) throw new DecryptionFailed();
      await tx.update(SigningKeyEntity, { kid }, await rewrapEnvelope(from, to, envelope, placeOfSigningKey(kid, alg)));
    }
    return stored.length;
  },

  async verify(tx, wrapper: KeyWrapper) {
    for (const { kid, alg, envelope } of await envelopes(tx)) {
      (await openEnvelope(wrapper, envelope, placeOfSigningKey(kid, alg))).fill(0);
    }
  },
};

interface StoredEnvelope {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly envelope: Envelope;
}

/** Of the keys that still have a private part. */
async function envelopes(tx: EntityManager): Promise<StoredEnvelope[]> {
  const rows = await tx.find(SigningKeyEntity, {
    select: { kid: true, alg: true, envelopeVersion: true, kekId: true, wrappedDek: true, privateCiphertext: true },
    where: { kekId: Not(IsNull()) },
    order: { kid: 'ASC' },
  });
  return rows.map(({ kid, alg, envelopeVersion: version, kekId, wrappedDek, privateCiphertext: ciphertext }) => {
    if (kekId === null || wrappedDek === null || ciphertext === null) throw new DecryptionFailed();
    return { kid, alg, envelope: { version, kekId, wrappedDek, ciphertext } };
  });
}
