import { createHmac, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DerivedKeys } from '../../encryption/index.js';
import { formatSecret, formatSecretId } from '../../protocol/index.js';

/** A refresh token at the one moment at which it is known, and what is kept of it. */
export interface NewRefreshToken {
  /** Handed out, stored never. */
  readonly token: string;
  /** Public; by it the token is looked up. */
  readonly tokenId: string;
  /** HMAC-SHA-256, 32 bytes. */
  readonly hash: Buffer;
  readonly salt: Buffer;
}

const idLength = 8;
const saltLength = 16;
const secretLength = 32;

/** How many random bytes a successor takes. */
export const successorRandomLength = idLength + saltLength;

/** How many random bytes the first token of a family takes. */
export const firstRandomLength = successorRandomLength + secretLength;

/**
 * Makes refresh tokens and compares them, with keys that are not in the database: whoever has copied the tables can neither
 * make a token nor check one.
 */
@Injectable()
export class RefreshSecrets {
  private readonly hashKey: Buffer;
  private readonly successorKey: Buffer;

  constructor(@Inject(DerivedKeys) keys: DerivedKeys) {
    this.hashKey = keys.derive('refresh-token-v1');
    this.successorKey = keys.derive('refresh-successor-v1');
  }

  /**
   * The first token of a family, of 256 random bits (security.md D1).
   *
   * @param random `firstRandomLength` random bytes
   */
  first(random: Buffer): NewRefreshToken {
    return this.kept(random, random.subarray(successorRandomLength, firstRandomLength));
  }

  /**
   * The token that follows `presented`.
   *
   * @param random `successorRandomLength` random bytes
   */
  next(presented: string, random: Buffer): NewRefreshToken {
    return this.kept(random, this.derived(presented, random.subarray(idLength, successorRandomLength)));
  }

  /** The successor of `presented` once more, of what is stored of it: nobody else can derive it (security.md D6). */
  again(presented: string, { tokenId, salt }: { readonly tokenId: string; readonly salt: Buffer }): string {
    return formatSecret('signet_rt', tokenId, this.derived(presented, salt));
  }

  /** Compares in constant time. */
  matches(presented: string, hash: Buffer): boolean {
    return timingSafeEqual(this.hashed(presented), hash);
  }

  private kept(random: Buffer, secret: Buffer): NewRefreshToken {
    const tokenId = formatSecretId(random.subarray(0, idLength));
    const token = formatSecret('signet_rt', tokenId, secret);
    return { token, tokenId, hash: this.hashed(token), salt: random.subarray(idLength, successorRandomLength) };
  }

  /** A token has one length, so that token and salt cannot be cut elsewhere. */
  private derived(presented: string, salt: Buffer): Buffer {
    return createHmac('sha256', this.successorKey).update(presented).update(salt).digest();
  }

  private hashed(token: string): Buffer {
    return createHmac('sha256', this.hashKey).update(token).digest();
  }
}
