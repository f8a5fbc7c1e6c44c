import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerAccess } from '../client/index.js';
import { tell } from '../client/tell.js';
import type { CloudEvent } from './cloud-event.js';
import { type EventHandler, handle } from './handlers.js';
import { type Inbox, MemoryInbox } from './inbox.js';

/** How {@link pollEvents} works: with the scope `events:poll`, and a `fetch` whose `timeoutMs` is longer than `waitSeconds`. */
export interface PollOptions extends ServerAccess {
  /** A subscription with `delivery: poll` of this client. */
  subscriptionId: string;
  /** By type, `a.*` or `*`. What one throws makes its event come again. */
  handlers: Readonly<Record<string, EventHandler>>;
  /** Ends the polling. */
  signal: AbortSignal;
  inbox?: Inbox;
  /** 1 to 100; 50 unless given. */
  maxEvents?: number;
  /** How long the server waits for events; 5 unless given, 30 at most. */
  waitSeconds?: number;
  /** Is told after each poll that succeeded, such as `verifier.alive`. */
  onPolled?: () => void;
  /** Is told what failed; the polling goes on, after a pause. */
  onError?: (error: unknown) => void;
}

interface Item {
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly event: CloudEvent;
}

/** Works on the events of a subscription until the signal ends it; resolves then. An event is acknowledged after its handlers. */
export async function pollEvents(options: PollOptions): Promise<void> {
  const { signal, onError, onPolled } = options;
  const inbox = options.inbox ?? new MemoryInbox();
  for (let failures = 0; !signal.aborted;) {
    try {
      const items = await poll(options);
      onPolled?.();
      const settled = await Promise.all(items.map((item) => workOn(item, options, inbox)));
      const acks = settled.filter((id) => id !== undefined);
      if (acks.length > 0) await acknowledge(options, acks);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      tell(onError, error);
      failures += 1;
      const ms = Math.min(30_000, 250 * 2 ** failures) * (0.5 + Math.random() / 2);
      await sleep(ms, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function poll({ issuer, subscriptionId, fetch, signal, maxEvents = 50, waitSeconds = 5 }: PollOptions) {
  const query = new URLSearchParams({
    subscription_id: subscriptionId,
    max_events: String(maxEvents),
    wait_seconds: String(waitSeconds),
  });
  const response = await fetch(`${issuer}/events/poll?${query.toString()}`, { signal });
  const body = await bodyOf(response, 'poll');
  return (body as { items: readonly Item[] }).items;
}

/** @returns what to acknowledge; `undefined` for what failed */
async function workOn(item: Item, { handlers, onError }: PollOptions, inbox: Inbox): Promise<string | undefined> {
  const { delivery_id: deliveryId, webhook_id: id, event } = item;
  try {
    if (!(await inbox.has(id))) {
      await handle(handlers, event, id);
      await inbox.add(id);
    }
    return deliveryId;
  } catch (error) {
    tell(onError, error);
    return undefined;
  }
}

async function acknowledge({ issuer, subscriptionId, fetch }: PollOptions, acks: readonly string[]): Promise<void> {
  const response = await fetch(`${issuer}/events/ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subscription_id: subscriptionId, acks }),
  });
  await bodyOf(response, 'acknowledgement');
}

async function bodyOf(response: Response, question: string): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new Error(`the ${question} was answered with ${response.status}`);
  return text === '' ? undefined : JSON.parse(text);
}
