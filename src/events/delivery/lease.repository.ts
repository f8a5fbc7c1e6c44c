import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Lane, lanes, type StoredEvent } from '../records/index.js';
import type { SendableSubscription } from '../subscriptions/index.js';
import { DeliveryDatabase } from './delivery-database.js';
import {
  carefulLeaseStatement,
  leasedBytes,
  leaseStatement,
  lockStatement,
  lookStatement,
  probingStatement,
  releaseDoubtfulStatement,
  releaseStatement,
  scannedRows,
  spendStatement,
} from './lease.statements.js';
import { type LeasedDelivery, leaseMs } from './leased-delivery.js';

type Row = StoredEvent &
  Pick<LeasedDelivery, 'id' | 'eventId' | 'eventType' | 'attemptCount' | 'attemptsBefore' | 'ageMs'>;

/** Without a delivery if none was taken. */
interface QuickRow extends Row {
  readonly free: number | null;
  readonly missed: boolean | null;
}

interface CarefulRow extends Row {
  readonly scanned: number;
  readonly free: number;
}

interface Health {
  readonly breaker: 'closed' | 'open';
  readonly probeDue: boolean;
  readonly at: string;
  readonly tokens: number;
}

/** What was taken from a lane. */
export interface Taken {
  readonly deliveries: readonly LeasedDelivery[];
  /** Whether more may be due than was taken. */
  readonly more: boolean;
  /** Whether something was due, and the subscription had no place for it: others of its lanes or processes have taken them. */
  readonly full: boolean;
}

/** When a lane has something to do again, as far as is known. */
export interface Look {
  /** `subscriptions.version`. */
  readonly version: string;
  /** Neither paused nor deleted, and pushed to. */
  readonly live: boolean;
  readonly breakerOpen: boolean;
  readonly probeInMs: number | null;
  /** Until its rate allows one more; `null`: there is no limit. */
  readonly tokenInMs: number | null;
  /** Until the next delivery is due, or may be sent as a probe; `null`: none is open. */
  readonly dueInMs: number | null;
}

/** When another probe is looked for after none of the deliveries could be one, in milliseconds. */
const probeAgainMs = 100;

/** A lease that was asked for and not answered: there may be deliveries that nobody sends, until it ends. */
interface DoubtfulLease {
  readonly subscriptionId: string;
  readonly token: string;
  /** `performance.now()` when it is over in any case. */
  readonly endsAt: number;
}

/** How long a commit may come after its answer was given up, in milliseconds. */
const lateMs = 10_000;

/** Most leases that are remembered; beyond that they end by themselves. */
const doubtfulAtMost = 1_000;

const nothing: Taken = { deliveries: [], more: false, full: false };

/** Deliveries are taken by a lease: it ends by itself, so that nothing is lost with whoever holds it. */
@Injectable()
export class LeaseRepository {
  private doubtful: readonly DoubtfulLease[] = [];

  constructor(@Inject(DeliveryDatabase) private readonly database: DeliveryDatabase) {}

  /**
   * Takes due deliveries of a lane, as the subscription is known to the caller: none when it has changed since.
   *
   * @param careful order, rate or an open breaker have to be minded
   * @throws DatabaseUnavailable
   */
  async take(subscription: SendableSubscription, lane: Lane, most: number, careful: boolean): Promise<Taken> {
    const token = randomUUID();
    try {
      return await (careful
        ? this.takeCarefully(subscription, lane, most, token)
        : this.takeQuickly(subscription, lane, most, token));
    } catch (error) {
      if (this.doubtful.length < doubtfulAtMost) {
        const endsAt = performance.now() + lateMs + leaseMs(subscription.timeoutMs);
        this.doubtful = [...this.doubtful, { subscriptionId: subscription.id, token, endsAt }];
      }
      throw error;
    }
  }

  /**
   * Gives back what was taken and never known to be, because the database went away between its commit and its answer. To be called
   * now and then: such a commit may yet come.
   *
   * @throws DatabaseUnavailable
   */
  async releaseDoubtful(): Promise<void> {
    if (this.doubtful.length === 0) return;
    const asked = new Set(this.doubtful);
    const released = await this.database.query<{ token: string }>({
      name: 'release_doubtful_leases',
      text: releaseDoubtfulStatement,
      values: [this.doubtful.map(({ subscriptionId }) => subscriptionId), this.doubtful.map(({ token }) => token)],
    });
    const tokens = new Set(released.map(({ token }) => token));
    this.doubtful = this.doubtful.filter(
      (lease) => !asked.has(lease) || (!tokens.has(lease.token) && performance.now() < lease.endsAt),
    );
  }

  private async takeQuickly(
    subscription: SendableSubscription,
    lane: Lane,
    most: number,
    token: string,
  ): Promise<Taken> {
    const leasedAt = performance.now();
    const { id, version, timeoutMs, maxInFlight } = subscription;
    const values = [id, lane, version, most, token, leaseMs(timeoutMs), leasedBytes, maxInFlight, beforeLane(lane)];
    const rows = await this.database.query<QuickRow>({ name: 'lease_deliveries', text: leaseStatement, values });
    const taken = rows.filter((row) => row.id !== null);
    const free = rows[0]?.free ?? most;
    const full = free < most && taken.length >= free;
    return {
      deliveries: taken.map((row) => toLeased(row, token, leasedAt, false)),
      // Fewer rows because they are large leave some behind.
      more: rows[0]?.missed === true || (!full && (taken.length === most || bytesOf(taken) * 2 > leasedBytes)),
      full,
    };
  }

  /** @returns `undefined` for a subscription that does not exist */
  async look({ id, ratePerSecond }: SendableSubscription, lane: Lane): Promise<Look | undefined> {
    const values = [id, lane, bucketOf(ratePerSecond), ratePerSecond ?? 0];
    const [row] = await this.database.query<Look & Record<string, unknown>>({
      name: 'look_at_lane',
      text: lookStatement,
      values,
    });
    return row;
  }

  /**
   * Gives deliveries back that were not sent.
   *
   * @param afterMs when they may be taken again
   */
  async release(deliveries: readonly LeasedDelivery[], afterMs: number): Promise<void> {
    const ids = deliveries.map(({ id }) => id);
    const tokens = deliveries.map(({ leaseToken }) => leaseToken);
    await this.database.query({ name: 'release_leases', text: releaseStatement, values: [ids, tokens, afterMs] });
  }

  private takeCarefully(subscription: SendableSubscription, lane: Lane, most: number, token: string): Promise<Taken> {
    const { id, ratePerSecond, maxInFlight, version } = subscription;
    const urgent = beforeLane(lane);
    const ordered = subscription.ordering === 'subject';
    return this.database.transaction(async (tx) => {
      const [health] = await tx.query<Health[]>(lockStatement, [id, bucketOf(ratePerSecond), ratePerSecond ?? 0]);
      if (health === undefined) return nothing;
      const probe = health.breaker === 'open';
      if (probe && !health.probeDue) return nothing;
      const allowed = ratePerSecond === null ? most : Math.min(most, Math.floor(health.tokens));
      const limit = probe ? Math.min(1, allowed) : allowed;
      if (limit === 0) return nothing;
      const leasedAt = performance.now();
      const lease = leaseMs(subscription.timeoutMs);
      const scan = ordered ? scannedRows : limit;
      // Whichever lane probes will do: none leaves it to another.
      const places = [maxInFlight, probe ? [] : urgent];
      const values = [id, lane, version, limit, token, lease, leasedBytes, ...places, ordered, scan, probe];
      const rows = await tx.query<CarefulRow[]>(carefulLeaseStatement, values);
      const leased = rows.filter((row) => row.id !== null).map((row) => toLeased(row, token, leasedAt, probe));
      if (ratePerSecond !== null) await tx.query(spendStatement, [id, health.tokens - leased.length, health.at]);
      const scanned = rows[0]?.scanned ?? 0;
      const free = rows[0]?.free ?? limit;
      const full = scanned > 0 && free < limit && leased.length >= free;
      if (full) return { deliveries: leased, more: false, full };
      if (!probe) return { deliveries: leased, more: leased.length === limit || scanned >= scan, full };
      if (leased.length > 0) await tx.query(probingStatement, [id, lease]);
      else if (scanned > 0 && scanned < scan) await tx.query(probingStatement, [id, probeAgainMs]);
      return { deliveries: leased, more: leased.length === 0 && scanned >= scan, full };
    });
  }
}

/** Tokens that a bucket holds: a tenth of a second's, so that the limit holds for any second, and one at least. */
function bucketOf(ratePerSecond: number | null): number {
  return Math.max(1, (ratePerSecond ?? 0) / 10);
}

/** The lanes that are more urgent. */
function beforeLane(lane: Lane): readonly Lane[] {
  return lanes.slice(0, lanes.indexOf(lane));
}

function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { envelope }) => sum + (envelope?.length ?? 0), 0);
}

function toLeased(row: Row, leaseToken: string, leasedAt: number, probe: boolean): LeasedDelivery {
  const { envelope, sourceId, source, type, subject, occurredAt, data } = row;
  const { id, eventId, eventType, attemptCount, attemptsBefore, ageMs } = row;
  const event = { envelope, sourceId, source, type, subject, occurredAt, data };
  return { id, leaseToken, leasedAt, eventId, eventType, event, attemptCount, attemptsBefore, ageMs, probe };
}
