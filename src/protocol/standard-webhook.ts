import { createHmac } from 'node:crypto';

/** What is signed of a message (Standard Webhooks, "Signature scheme"). */
export interface WebhookMessage {
  /** `webhook-id`: the same at each attempt. Holds no `.`. */
  readonly id: string;
  /** `webhook-timestamp`: of this attempt, whole seconds since the epoch. */
  readonly timestamp: number;
  /** The very bytes that are sent. */
  readonly body: Uint8Array;
}

/**
 * The value of `webhook-signature`: `v1,` and the HMAC-SHA-256 of `id.timestamp.body` in base64, once for each key, separated by
 * spaces (Standard Webhooks, "Signature scheme").
 *
 * @param keys the decoded secrets, the newest first: more than one while a rotation overlaps
 */
export function webhookSignature(keys: readonly Uint8Array[], { id, timestamp, body }: WebhookMessage): string {
  const head = `${id}.${timestamp}.`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`).join(' ');
}
