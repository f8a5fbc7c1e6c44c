import { createHmac, timingSafeEqual } from 'node:crypto';

/** Why a delivery is not believed. */
export type WebhookFault = 'missing_header' | 'bad_timestamp' | 'bad_signature' | 'bad_body';

/** A delivery that is not one of the server, or too old. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';

  /** @internal */
  constructor(
    readonly code: WebhookFault,
    message: string,
  ) {
    super(message);
  }

  /** What the receiver answers. */
  get status(): number {
    return this.code === 'bad_body' ? 400 : 401;
  }
}

/** What a delivery says beside its body (Standard Webhooks). @internal */
export interface SignedHeaders {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
}

/** More signatures than any rotation makes. */
const maxSignatures = 16;

/**
 * The key of a signing secret.
 *
 * @throws TypeError
 *
 * @internal
 */
export function signingKey(secret: string): Buffer {
  const key = Buffer.from(secret.startsWith('whsec_') ? secret.slice(6) : secret, 'base64');
  if (key.length < 24 || key.length > 64)
    throw new TypeError('a signing secret is whsec_ and 24 to 64 bytes of base64');
  return key;
}

/**
 * Checks a signature over the raw body: HMAC-SHA-256 of `id.timestamp.body`, compared in constant time.
 *
 * @param toleranceSeconds how old a delivery may be, or how far ahead its clock
 * @throws WebhookError
 *
 * @internal
 */
export function checkSignature(
  keys: readonly Buffer[],
  { id, timestamp, signature }: SignedHeaders,
  body: Uint8Array,
  toleranceSeconds: number,
): void {
  if (!/^[1-9]\d{0,15}$/.test(timestamp)) throw new WebhookError('bad_timestamp', 'the timestamp is malformed');
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) {
    throw new WebhookError('bad_timestamp', 'the delivery is too old, or a clock is wrong');
  }
  const shown = signature.split(' ');
  if (shown.length > maxSignatures) throw new WebhookError('bad_signature', 'there are too many signatures');
  const expected = keys.map((key) => createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest());
  let good = false;
  for (const one of shown) {
    if (!/^v1,[A-Za-z0-9+/]{43}=$/.test(one)) continue;
    const bytes = Buffer.from(one.slice(3), 'base64');
    for (const mac of expected) good = (bytes.length === mac.length && timingSafeEqual(bytes, mac)) || good;
  }
  if (!good) throw new WebhookError('bad_signature', 'no signature fits');
}
