import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../clock/index.js';
import { ServerConfig } from '../config/index.js';
import { afterCommit } from '../database/index.js';
import { newUuid } from '../identifiers/index.js';
import { OutboxSignal } from './outbox-signal.js';
import type { ServerEvent } from './server-event.js';

/** Takes the events of the server's own changes. */
@Injectable()
export class Outbox {
  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(OutboxSignal) private readonly signal: OutboxSignal,
  ) {}

  /**
   * Appends an event in the transaction of the change that it tells of: it exists if and only if the change does. Its CloudEvents
   * `source` is the issuer.
   */
  async append(tx: EntityManager, event: ServerEvent): Promise<void> {
    await this.appendAll(tx, [event]);
  }

  /** As {@link append}, for several events of one change, in their order. */
  async appendAll(tx: EntityManager, events: readonly ServerEvent[]): Promise<void> {
    if (events.length === 0) return;
    const now = this.clock.now();
    await tx.query(
      `INSERT INTO events (id, source, source_id, type, subject, data, occurred_at)
       SELECT id, $1, id::text, type, subject, data, to_timestamp($2 / 1000.0)
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[]) AS e (id, type, subject, data)`,
      [
        this.server.issuer,
        now,
        // Of one change, in the order of its events: identifiers of one millisecond sort by chance.
        events.map(() => newUuid(now)).toSorted(),
        events.map(({ type }) => type),
        events.map(({ subject }) => subject),
        events.map(({ data }) => JSON.stringify(data)),
      ],
    );
    afterCommit(tx, () => this.signal.raise());
  }
}
