import { type CloudEvent, isCloudEvent } from './cloud-event.js';
import { type EventHandler, handle } from './handlers.js';
import { type Inbox, MemoryInbox } from './inbox.js';
import { checkSignature, signingKey, WebhookError } from './signature.js';

/** How {@link createWebhookReceiver} works. */
export interface WebhookReceiverOptions {
  /** `whsec_…`; both while a rotation overlaps. One that is `undefined`, as an unset variable is, is refused. */
  secrets: readonly (string | undefined)[];
  /** By type, `a.*` or `*`. */
  handlers?: Readonly<Record<string, EventHandler>>;
  /** Deliveries that were worked on; in memory unless given. */
  inbox?: Inbox;
  /** How old a delivery may be; 300 unless given. */
  toleranceSeconds?: number;
}

/** A delivery that was believed. */
export interface Received {
  id: string;
  event: CloudEvent;
  /** It was worked on before: nothing was done. */
  duplicate: boolean;
}

/** Header values by lower-case name, or a `Headers`. */
export type DeliveryHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Takes deliveries. */
export interface WebhookReceiver {
  /**
   * Takes one delivery: checks it, and calls the handlers, unless it was worked on before.
   *
   * @param body the raw bytes as they came: parsed and written again they have another signature
   * @throws WebhookError whose `status` is the answer; what a handler throws, to be answered with a 500
   */
  receive(headers: DeliveryHeaders, body: Uint8Array | string): Promise<Received>;
}

/**
 * Makes a receiver of deliveries (Standard Webhooks).
 *
 * @throws TypeError for a secret that is missing or malformed
 */
export function createWebhookReceiver(options: WebhookReceiverOptions): WebhookReceiver {
  const keys = options.secrets.map(signingKey);
  if (keys.length === 0) throw new TypeError('there is no signing secret');
  const { handlers = {}, inbox = new MemoryInbox(), toleranceSeconds = 300 } = options;
  const working = new Map<string, Promise<boolean>>();
  const workOn = async (event: CloudEvent, id: string): Promise<boolean> => {
    if (await inbox.has(id)) return true;
    await handle(handlers, event, id);
    await inbox.add(id);
    return false;
  };
  return {
    receive: async (headers, body) => {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      const id = single(headers, 'webhook-id');
      const timestamp = single(headers, 'webhook-timestamp');
      const signature = single(headers, 'webhook-signature');
      checkSignature(keys, { id, timestamp, signature }, bytes, toleranceSeconds);
      const event = parse(bytes);
      // A repeat that comes while the first one is worked on has its fate.
      const first = working.get(id);
      if (first !== undefined) return first.then(() => ({ id, event, duplicate: true }));
      const work = workOn(event, id).finally(() => working.delete(id));
      working.set(id, work);
      return { id, event, duplicate: await work };
    },
  };
}

function single(headers: DeliveryHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  if (typeof value !== 'string' || value === '')
    throw new WebhookError('missing_header', `the header ${name} is missing`);
  return value;
}

function parse(bytes: Uint8Array): CloudEvent {
  try {
    const event: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (isCloudEvent(event)) return event;
  } catch {
    // Said below.
  }
  throw new WebhookError('bad_body', 'the body is no CloudEvent');
}
