import type { KeyObject } from 'node:crypto';
import { PreparedDocument } from '../http/index.js';
import type { PublicJwk } from './public-jwk.js';
import { publishedStatuses, type SigningKey } from './signing-key.js';

/** A published key with its public part. */
export interface PublishedKey {
  readonly key: SigningKey;
  readonly publicKey: KeyObject;
  readonly jwk: PublicJwk;
}

/**
 * The JWKS document (RFC 7517 §5): the keys that sign first, then those to come, then those that only verify. The same bytes
 * in every process.
 */
export function keySetDocument(published: readonly PublishedKey[]): PreparedDocument {
  const keys = published.toSorted((a, b) => compare(a.key, b.key)).map(({ jwk }) => jwk);
  return new PreparedDocument(JSON.stringify({ keys }), 'public, max-age=300');
}

function compare(a: SigningKey, b: SigningKey): number {
  const ranks: readonly string[] = publishedStatuses;
  return (
    ranks.indexOf(a.status) - ranks.indexOf(b.status) ||
    b.createdAt.getTime() - a.createdAt.getTime() ||
    (a.kid < b.kid ? -1 : 1)
  );
}
