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
 * @param at its place among the `secrets`
 * @throws TypeError that says which one is missing, or malformed
 *
 * @internal
 */
export function signingKey(secret: string | undefined, at: number): Buffer {
  if (!secret) throw new TypeError(`secrets[${at}] is missing`);
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length >= 24 && key.length <= 64) return key;
  throw new TypeError(`secrets[${at}] is not whsec_ and 24 to 64 bytes of base64`);
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
