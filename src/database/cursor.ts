import { createHmac, timingSafeEqual } from 'node:crypto';

/** A place in a list, newest first: the sort key and the tie-breaker of the last item that was returned. */
export interface CursorPosition {
  readonly at: string;
  readonly id: string;
}

const macLength = 16;

/**
 * Seals a position in a list. The cursor is opaque and bound to the list and to the filter that it was made for.
 *
 * @param key MAC key, 32 bytes
 * @param binding name of the list and everything that filters it
 */
export function encodeCursor(key: Buffer, binding: readonly string[], position: CursorPosition): string {
  const body = Buffer.from(JSON.stringify([position.at, position.id]));
  return Buffer.concat([mac(key, binding, body), body]).toString('base64url');
}

/** Opens a cursor made by {@link encodeCursor} with the same key and binding; anything else gives `undefined`. */
export function decodeCursor(key: Buffer, binding: readonly string[], cursor: string): CursorPosition | undefined {
  if (cursor.length > 1024 || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length <= macLength || bytes.toString('base64url') !== cursor) return undefined;
  const body = bytes.subarray(macLength);
  if (!timingSafeEqual(bytes.subarray(0, macLength), mac(key, binding, body))) return undefined;
  const [at, id] = JSON.parse(body.toString()) as [string, string];
  return { at, id };
}

function mac(key: Buffer, binding: readonly string[], body: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify(binding))
    .update('\0')
    .update(body)
    .digest()
    .subarray(0, macLength);
}
