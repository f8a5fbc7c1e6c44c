import type { CloudEvent } from './cloud-event.js';

/** An event to publish; what is missing is filled in. */
export interface NewEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly subject?: string;
  /** Unique within the source; a UUID unless given. The same one again publishes nothing new. */
  readonly id?: string;
  readonly time?: string;
  /** The source of the publisher unless given. */
  readonly source?: string;
}

/** How {@link createPublisher} works. */
export interface PublisherOptions {
  /** Of the server, such as `https://signet.example.com`. */
  readonly issuer: string;
  /** The service's `client_id`, or below it: `client_id/orders`. */
  readonly source: string;
  /** That of `createServiceFetch` for the issuer, with the scope `events:publish`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Attempts in all, with growing pauses; 5 unless given. */
  readonly attempts?: number;
}

/** What the server says about an event that it took. */
export interface Accepted {
  readonly id: string;
  readonly event_id: string;
  readonly duplicate: boolean;
}

/** The server did not take the events. */
export class PublishError extends Error {
  override readonly name = 'PublishError';

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
      await pause(Math.max(outcome.retryAfterMs, 200 * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)));
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
  let response: Response;
  try {
    response = await send();
  } catch (error) {
    const transient = !(error instanceof Error && 'transient' in error && error.transient === false);
    return {
      error: new PublishError('the events were not taken', undefined, { cause: error }),
      transient,
      retryAfterMs: 0,
    };
  }
  if (response.status === 202) return (await response.json()) as { accepted: readonly Accepted[] };
  const detail = (await response.text()).slice(0, 1_000);
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return {
    error: new PublishError(`the events were not taken: ${response.status} ${detail}`, response.status),
    transient: response.status >= 500 || response.status === 429,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
