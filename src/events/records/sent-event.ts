/** The columns of `events` that a receiver sees. */
export interface StoredEvent {
  readonly envelope: string | null;
  /** CloudEvents `id`: unique within its source. */
  readonly sourceId: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly occurredAt: Date;
  readonly data: unknown;
}

/**
 * The event as receivers get it: a CloudEvent in structured mode (CloudEvents JSON format §3), the same bytes at each attempt.
 * What a service published is sent as it was stored; an event of the server itself is made of its columns.
 */
export function sentEvent(event: StoredEvent): string {
  if (event.envelope !== null) return event.envelope;
  return JSON.stringify({
    specversion: '1.0',
    id: event.sourceId,
    source: event.source,
    type: event.type,
    ...(event.subject === null ? {} : { subject: event.subject }),
    time: event.occurredAt.toISOString(),
    datacontenttype: 'application/json',
    data: event.data,
  });
}
