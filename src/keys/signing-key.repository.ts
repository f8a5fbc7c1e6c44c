import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import type { CursorPosition, PreparedStatement } from '../database/index.js';
import type { Envelope } from '../encryption/index.js';
import type { PublicJwk } from './public-jwk.js';
import { SigningKeyEntity } from './signing-key.entity.js';
import { publishedStatuses, type SigningKey } from './signing-key.js';

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

/** PostgreSQL tells the processes on this channel, when a change of the keys has been committed. */
export const keysChannel = 'signet_keys';

/** A key in a list, with its exact place: `createdAt` in microseconds, which a `Date` cannot hold. */
export interface ListedKey extends SigningKey {
  readonly listedAt: string;
}

/** How a key begins. */
export interface NewKey {
  readonly status: 'pending' | 'active';
  readonly createdAt: Date;
  readonly activatesAt: Date;
}

const preciseCreatedAt = `to_char(key.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const knownColumns = {
  kid: true,
  alg: true,
  status: true,
  createdAt: true,
  activatesAt: true,
  activatedAt: true,
  retiringAt: true,
  expiresAt: true,
} as const satisfies Record<keyof SigningKey, true>;

const noPrivatePart = { privateCiphertext: null, wrappedDek: null, kekId: null } as const;

/** The queries on `signing_keys`. */
@Injectable()
export class SigningKeyRepository {
  /** Milliseconds since the epoch by the clock of the database, the one that all processes share. */
  async now(manager: EntityManager): Promise<number> {
    const [row] = await manager.query<{ now: string }[]>(
      'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS now',
    );
    return Number(row?.now);
  }

  /** Every key that belongs in the JWKS, in no particular order. */
  published(manager: EntityManager): Promise<SigningKey[]> {
    return manager.find(SigningKeyEntity, { select: knownColumns, where: { status: In([...publishedStatuses]) } });
  }

  async find(manager: EntityManager, kid: string): Promise<SigningKey | undefined> {
    return (await manager.findOne(SigningKeyEntity, { select: knownColumns, where: { kid } })) ?? undefined;
  }

  /** Keys after `after`, newest first. */
  async list(manager: EntityManager, limit: number, after: CursorPosition | undefined): Promise<ListedKey[]> {
    const query = manager
      .createQueryBuilder(SigningKeyEntity, 'key')
      .select(Object.keys(knownColumns).map((column) => `key.${column}`))
      .addSelect(preciseCreatedAt, 'listed_at')
      .orderBy('key.createdAt', 'DESC')
      .addOrderBy('key.kid', 'DESC')
      .limit(limit);
    if (after !== undefined) {
      query.where('(key.created_at, key.kid) < (CAST(:at AS timestamptz), :id)', { ...after });
    }
    const { entities, raw } = await query.getRawAndEntities<{ listed_at: string }>();
    return entities.map((key, index) => ({ ...toKey(key), listedAt: raw[index]?.listed_at ?? '' }));
  }

  /** Whether a key of any algorithm is active. */
  hasActive(manager: EntityManager): Promise<boolean> {
    return manager.existsBy(SigningKeyEntity, { status: 'active' });
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

  /** Adds a key. */
  async insert(tx: EntityManager, jwk: PublicJwk, envelope: Envelope, key: NewKey): Promise<void> {
    await tx
      .createQueryBuilder()
      .insert()
      .into(SigningKeyEntity)
      .values({
        kid: jwk.kid,
        alg: jwk.alg,
        publicJwk: jwk,
        privateCiphertext: envelope.ciphertext,
        wrappedDek: envelope.wrappedDek,
        kekId: envelope.kekId,
        envelopeVersion: envelope.version,
        ...key,
        activatedAt: key.status === 'active' ? key.activatesAt : null,
      })
      .execute();
  }

  /** A pending key signs from `at` on. */
  async activate(tx: EntityManager, kid: string, at: Date): Promise<void> {
    await tx.update(SigningKeyEntity, { kid, status: 'pending' }, { status: 'active', activatedAt: at });
  }

  /** An active key ceases to sign at `at`, and leaves the JWKS at `expiresAt`. */
  async cease(tx: EntityManager, kid: string, at: Date, expiresAt: Date): Promise<void> {
    await tx.update(SigningKeyEntity, { kid, status: 'active' }, { status: 'retiring', retiringAt: at, expiresAt });
  }

  /** A key that no longer signs leaves the JWKS, and its private part is gone. */
  async retire(tx: EntityManager, kid: string): Promise<void> {
    await tx.update(SigningKeyEntity, { kid, status: 'retiring' }, { status: 'retired', ...noPrivatePart });
  }

  /** A published key leaves the JWKS for good, and its private part is gone. */
  async revoke(tx: EntityManager, kid: string, at: Date): Promise<void> {
    await tx.update(
      SigningKeyEntity,
      { kid, status: In([...publishedStatuses]) },
      { status: 'revoked', revokedAt: at, expiresAt: at, ...noPrivatePart },
    );
  }

  /** When a key that no longer signs leaves the JWKS. */
  async setExpiry(tx: EntityManager, kid: string, expiresAt: Date): Promise<void> {
    await tx.update(SigningKeyEntity, { kid, status: 'retiring' }, { expiresAt });
  }

  /** The last `exp` of the tokens that the key has signed; `null`: none that lives at `now`. Reads every such token. */
  async lastExpiryOfTokens(manager: EntityManager, kid: string, now: Date): Promise<Date | null> {
    const [row] = await manager.query<{ last: Date | null }[]>(
      'SELECT max(expires_at) AS last FROM access_tokens WHERE kid = $1 AND expires_at > $2',
      [kid, now],
    );
    return row?.last ?? null;
  }

  /** Has every process read the keys again once `tx` has committed. */
  async announce(tx: EntityManager): Promise<void> {
    await tx.query(`SELECT pg_notify($1, '')`, [keysChannel]);
  }
}

function toKey(entity: SigningKeyEntity): SigningKey {
  const { kid, alg, status, createdAt, activatesAt, activatedAt, retiringAt, expiresAt } = entity;
  return { kid, alg, status, createdAt, activatesAt, activatedAt, retiringAt, expiresAt };
}
