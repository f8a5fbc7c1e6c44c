import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { Clock } from '../../clock/index.js';
import {
  badRequest,
  type CloudEvent,
  cloudEventText,
  isReservedEventType,
  parseDateTime,
} from '../../protocol/index.js';
import { EventCatalogue } from './catalogue/event-catalogue.js';
import { EventWriter, type PublishedEvent } from './event.writer.js';
import { ForeignSource, ReservedType } from './publish.errors.js';
import { PublishQuota } from './publish-quota.js';

/** One event of the answer to a publication. */
export interface AcceptedEvent {
  /** The CloudEvent's. */
  readonly id: string;
  readonly event_id: string;
  readonly duplicate: boolean;
}

/** The use case of `POST /events` (http-api.md "Events"). */
@Injectable()
export class Publishing {
  constructor(
    @Inject(EventCatalogue) private readonly catalogue: EventCatalogue,
    @Inject(PublishQuota) private readonly quota: PublishQuota,
    @Inject(EventWriter) private readonly writer: EventWriter,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Accepts events, all of them or none; resolves once they are durable.
   *
   * @throws ForeignSource, ReservedType, Problem 400 for data that its schema refuses, TooManyPending, DatabaseUnavailable
   */
  async publish({ clientId }: Caller, events: readonly CloudEvent[]): Promise<AcceptedEvent[]> {
    for (const { source, type, pointer } of events) {
      if (source !== clientId && !source.startsWith(`${clientId}/`)) throw new ForeignSource(pointer);
      if (isReservedEventType(type)) throw new ReservedType(pointer);
    }
    const faults = await this.catalogue.faultsOf(events);
    if (faults.length > 0) throw badRequest(faults);
    await this.quota.admit(clientId);
    const now = this.clock.now();
    const stored = await this.writer.write({
      publisher: clientId,
      events: events.map((event) => asStored(event, now)),
    });
    this.quota.accepted(clientId, stored.filter(({ duplicate }) => !duplicate).length);
    return stored.map(({ eventId, duplicate }, index) => ({
      id: events[index]?.id ?? '',
      event_id: eventId,
      duplicate,
    }));
  }
}

function asStored(event: CloudEvent, now: number): PublishedEvent {
  const { id: sourceId, source, type, subject, time } = event;
  const occurredAt = (time === undefined ? undefined : parseDateTime(time)) ?? now;
  return { source, sourceId, type, subject, occurredAt, envelope: cloudEventText(event, new Date(now).toISOString()) };
}
