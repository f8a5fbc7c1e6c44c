import { randomFillSync } from 'node:crypto';
import { uuidV7 } from '../protocol/index.js';

const bytesPerIdentifier = 10;
const pool = Buffer.alloc(bytesPerIdentifier * 1024);
let offset = pool.length;

/**
 * A new UUID version 7 (RFC 9562 §5.7) of `now`. Randomness is drawn in bulk, since one system call per identifier would show
 * on the token path; used bytes are not kept.
 *
 * @param now milliseconds since the epoch
 */
export function newUuid(now: number): string {
  if (offset === pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  const random = pool.subarray(offset, offset + bytesPerIdentifier);
  const uuid = uuidV7(now, random);
  random.fill(0);
  offset += bytesPerIdentifier;
  return uuid;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether `text` is a UUID as this server writes it, in lower case. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}
