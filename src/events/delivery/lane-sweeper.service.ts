import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { LaneWork } from '../records/index.js';
import { DeliveryDatabase } from './delivery-database.js';
import { DeliveryFaults } from './delivery-faults.js';
import { HeldDeliveries } from './held-deliveries.repository.js';
import { Lanes } from './lanes.service.js';
import { LeaseRepository } from './lease.repository.js';

/** Between two sweeps, in milliseconds. */
const everyMs = 1_000;

/** Most lanes of one sweep; the others come in later ones. */
const sweptAtMost = 2_000;

/** Lanes that are woken together. */
const together = 16;

/** Every how many sweeps the ordered lanes are looked through. */
const ordersEvery = 20;

const open = `status IN ('pending', 'retrying')`;

/**
 * $1 most lanes: if there are more, any of them, so that none is left out for ever. A probe that is due waits for no schedule:
 * whatever nobody holds will do.
 */
const selectDue = `
  SELECT s.id AS "subscriptionId", l.lane
  FROM subscriptions s
  JOIN subscription_health h ON h.subscription_id = s.id
  CROSS JOIN (VALUES ('security'), ('state'), ('bulk')) AS l (lane)
  CROSS JOIN LATERAL (
    SELECT FROM deliveries d
    WHERE d.subscription_id = s.id AND d.lane = l.lane AND d.${open} AND d.due_at < 'infinity'
      AND d.due_at <= CASE h.breaker WHEN 'open' THEN 'infinity' ELSE statement_timestamp() END
      AND (d.due_at <= statement_timestamp() OR d.lease_token IS NULL)
    ORDER BY d.due_at LIMIT 1) AS due
  WHERE s.deleted_at IS NULL AND s.status = 'active' AND s.delivery = 'push'
    AND (h.breaker = 'closed' OR h.probe_at <= statement_timestamp())
  ORDER BY random() LIMIT $1::int4`;

/**
 * Deliveries that are parked although none of their key comes before them, or although their subscription has no order any more.
 * Walks from key to key by the index.
 */
const unpark = `
  WITH RECURSIVE parking AS MATERIALIZED (
    SELECT s.id, s.ordering FROM subscriptions s
    WHERE s.deleted_at IS NULL AND EXISTS (
      SELECT FROM (VALUES ('security'), ('state'), ('bulk')) AS l (lane), deliveries d
      WHERE d.subscription_id = s.id AND d.lane = l.lane AND d.${open} AND d.due_at = 'infinity')
  ), keys AS (
    SELECT p.id, k.ordering_key FROM parking p CROSS JOIN LATERAL (
      SELECT d.ordering_key FROM deliveries d
      WHERE d.subscription_id = p.id AND d.${open} AND d.ordering_key IS NOT NULL
      ORDER BY d.ordering_key LIMIT 1) AS k
    WHERE p.ordering = 'subject'
    UNION ALL
    SELECT keys.id, k.ordering_key FROM keys CROSS JOIN LATERAL (
      SELECT d.ordering_key FROM deliveries d
      WHERE d.subscription_id = keys.id AND d.${open} AND d.ordering_key IS NOT NULL AND d.ordering_key > keys.ordering_key
      ORDER BY d.ordering_key LIMIT 1) AS k
  ), heads AS MATERIALIZED (
    SELECT n.id FROM keys CROSS JOIN LATERAL (
      SELECT d.id, d.due_at FROM deliveries d
      WHERE d.subscription_id = keys.id AND d.ordering_key = keys.ordering_key AND d.${open}
      ORDER BY d.seq, d.id LIMIT 1) AS n
    WHERE n.due_at = 'infinity'
    UNION ALL
    SELECT d.id FROM parking p JOIN deliveries d ON d.subscription_id = p.id
    WHERE p.ordering = 'none' AND d.${open} AND d.due_at = 'infinity'
  )
  UPDATE deliveries d SET due_at = statement_timestamp() FROM heads
  WHERE d.id = heads.id AND d.due_at = 'infinity' AND d.${open}`;

/**
 * Wakes, each second and in every process, the lanes that have something due: the remedy for hints that were lost – with a process,
 * with a store that was emptied – and for deliveries whose lease has ended.
 */
@Injectable()
export class LaneSweeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private sweeping: Promise<void> | undefined;

  constructor(
    @Inject(DeliveryDatabase) private readonly database: DeliveryDatabase,
    @Inject(DeliveryFaults) private readonly faults: DeliveryFaults,
    @Inject(HeldDeliveries) private readonly held: HeldDeliveries,
    @Inject(LeaseRepository) private readonly leases: LeaseRepository,
    @Inject(Lanes) private readonly lanes: Lanes,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeping ??= this.sweepOn();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.sweeping;
  }

  /** Makes due what is parked and waits for nothing. */
  async unpark(): Promise<void> {
    await this.database.query({ name: 'unpark_deliveries', text: unpark, values: [] });
  }

  private async sweepOn(): Promise<void> {
    const { signal } = this.stopping;
    for (let sweep = 1; !signal.aborted; sweep += 1) {
      try {
        await this.giveBack();
        await this.sweep();
        if (sweep % ordersEvery === 0) await this.unpark();
      } catch (error) {
        this.faults.report('due deliveries could not be looked for', error);
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** What should be due, and is not. What goes wrong here must not keep anybody from being woken. */
  private async giveBack(): Promise<void> {
    try {
      await this.held.letAllGo();
      await this.leases.releaseDoubtful();
    } catch (error) {
      this.faults.report('deliveries could not be made due', error);
    }
  }

  private async sweep(): Promise<void> {
    const due = await this.database.query<LaneWork & Record<string, unknown>>({
      name: 'sweep_lanes',
      text: selectDue,
      values: [sweptAtMost],
    });
    for (let from = 0; from < due.length && !this.stopping.signal.aborted; from += together) {
      const part = due.slice(from, from + together);
      await Promise.all(part.map(({ subscriptionId, lane }) => this.lanes.wake({ subscriptionId, lane })));
    }
  }
}
