import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerAccess } from '../client/index.js';
import { retryAfterOf } from '../client/retry-after.js';
import type { CloudEvent } from './cloud-event.js';

/** An event to publish; what is missing is filled in. */
export interface NewEvent {
  type: string;
  data?: unknown;
  subject?: string;
  /** Unique within the source; a UUID unless given. The same one again publishes nothing new. */
  id?: string;
  time?: string;
  /** The source of the publisher unless given. */
  source?: string;
  /** Extension attributes, such as `traceparent`. */
  [extension: string]: unknown;
}

/** How {@link createPublisher} works, with the scope `events:publish`. */
export interface PublisherOptions extends ServerAccess {
  /** The service's `client_id`, or below it: `client_id/orders`. */
  source: string;
  /** Attempts in all, with growing pauses; 5 unless given. */
  attempts?: number;
}

/** What the server says about an event that it took. */
export interface Accepted {
  id: string;
  event_id: string;
  duplicate: boolean;
}

/** The server did not take the events. */
export class PublishError extends Error {
  override readonly name = 'PublishError';

  /** @internal */
  constructor(
    message: string,
    /** Absent when there was no answer. */
    readonly status: number | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Makes a publisher. Events keep their `id` over all attempts, so that one whose answer was lost is not published twice.
 *
 * @returns a function that takes at most 100 events, all or none, and resolves when they are durable
 */
export function createPublisher({ issuer, source, fetch, attempts = 5 }: PublisherOptions) {
  return async (...events: readonly NewEvent[]): Promise<readonly Accepted[]> => {
    const body = JSON.stringify(events.map((event) => complete(event, source)));
    const init = { method: 'POST', headers: { 'content-type': 'application/cloudevents-batch+json' }, body };
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await once(() => fetch(`${issuer}/events`, init));
      if ('accepted' in outcome) return outcome.accepted;
      if (!outcome.transient || attempt >= attempts) throw outcome.error;
      await sleep(Math.max(outcome.retryAfterMs, 200 * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)));
    }
  };
}

function complete({ id, time, source, ...event }: NewEvent, ownSource: string): CloudEvent {
  return {
    specversion: '1.0',
    id: id ?? crypto.randomUUID(),
    source: source ?? ownSource,
    time: time ?? new Date().toISOString(),
    ...(event.data === undefined ? {} : { datacontenttype: 'application/json' }),
    ...event,
  };
}

type Outcome =
  | { readonly accepted: readonly Accepted[] }
  | { readonly error: unknown; readonly transient: boolean; readonly retryAfterMs: number };

async function once(send: () => Promise<Response>): Promise<Outcome> {
  let status: number | undefined;
  try {
    const response = await send();
    ({ status } = response);
    const text = await response.text();
    if (status === 202) return JSON.parse(text) as { accepted: readonly Accepted[] };
    return {
      error: new PublishError(`the events were not taken: ${status} ${text.slice(0, 1_000)}`, status),
      transient: status >= 500 || status === 429,
      retryAfterMs: retryAfterOf(response.headers) ?? 0,
    };
  } catch (cause) {
    const isFinal = cause instanceof Error && 'transient' in cause && cause.transient === false;
    const error = new PublishError('it is not known whether the events were taken', status, { cause });
    return { error, transient: !isFinal, retryAfterMs: 0 };
  }
}
