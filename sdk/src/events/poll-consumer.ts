import type { CloudEvent } from './cloud-event.js';
import { type EventHandler, handle } from './handlers.js';
import { type Inbox, MemoryInbox } from './inbox.js';

/** How {@link pollEvents} works. */
export interface PollOptions {
  /** Of the server, such as `https://signet.example.com`. */
  readonly issuer: string;
  /** A subscription with `delivery: poll` of this client. */
  readonly subscriptionId: string;
  /** That of `createServiceFetch` for the issuer, with the scope `events:poll`; it must wait longer than `waitSeconds`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** By type, `a.*` or `*`. What one throws makes its event come again. */
  readonly handlers: Readonly<Record<string, EventHandler>>;
  /** Ends the polling. */
  readonly signal: AbortSignal;
  readonly inbox?: Inbox;
  /** 1 to 100; 50 unless given. */
  readonly maxEvents?: number;
  /** How long the server waits for events; 20 unless given, 30 at most. */
  readonly waitSeconds?: number;
  /** Is told after each poll that succeeded, such as `verifier.alive`. */
  readonly onPolled?: () => void;
  /** Is told what failed; the polling goes on, after a pause. */
  readonly onError?: (error: unknown) => void;
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
      onError?.(error);
      failures += 1;
      await pause(Math.min(30_000, 250 * 2 ** failures) * (0.5 + Math.random() / 2), signal);
    }
  }
}

async function poll({ issuer, subscriptionId, fetch, signal, maxEvents = 50, waitSeconds = 20 }: PollOptions) {
  const query = new URLSearchParams({
    subscription_id: subscriptionId,
    max_events: String(maxEvents),
    wait_seconds: String(waitSeconds),
  });
  const response = await fetch(`${issuer}/events/poll?${query.toString()}`, { signal });
  if (!response.ok) throw new Error(`the poll was answered with ${response.status}`);
  return ((await response.json()) as { items: readonly Item[] }).items;
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
    onError?.(error);
    return undefined;
  }
}

async function acknowledge({ issuer, subscriptionId, fetch }: PollOptions, acks: readonly string[]): Promise<void> {
  const response = await fetch(`${issuer}/events/ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subscription_id: subscriptionId, acks }),
  });
  if (!response.ok) throw new Error(`the acknowledgement was answered with ${response.status}`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
