import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneWork } from '../records/index.js';
import type { SendableSubscription, SendableSubscriptions } from '../subscriptions/index.js';
import type { FinishedAttempt } from './attempt.js';
import type { AttemptRecorder } from './attempt-recorder.service.js';
import { Bell } from './bell.js';
import type { DeliveryFaults } from './delivery-faults.js';
import type { DeliveryMeasures } from './delivery-measures.js';
import type { DeliverySender } from './delivery-sender.service.js';
import type { LeaseRepository, Look } from './lease.repository.js';
import { type LeasedDelivery, leaseMs } from './leased-delivery.js';
import type { SlowEndpoints } from './slow-endpoints.js';

/** What a run works with. */
export interface LaneParts {
  readonly subscriptions: SendableSubscriptions;
  readonly leases: LeaseRepository;
  readonly sender: DeliverySender;
  readonly recorder: AttemptRecorder;
  readonly measures: DeliveryMeasures;
  readonly slow: SlowEndpoints;
  readonly faults: DeliveryFaults;
  /** To be called when a lane has left places of its subscription. */
  readonly left: (work: LaneWork) => void;
}

/** How long a lane goes on, in milliseconds: while others wait for its place, and while none does. */
const sliceMs = 2_000;
const longSliceMs = 10_000;

/** Most deliveries of one lease. */
const leasedAtMost = 50;

/** A pause that is spent in place: handing the place over would take as long. */
const shortPauseMs = 200;

/**
 * When a lane looks again for a place that others of its subscription hold, in milliseconds: those of this process call it, those
 * of another do not.
 */
const roomAgainMs = 200;

/** What requests in flight get when the process ends. */
const graceMs = 2_000;

/** Between two attempts to write down what came of requests, in milliseconds. */
const writeAgainMs = 250;

/** When the lane, or what was not sent by a fault of this side, is tried again, in milliseconds. */
const afterFaultMs = 1_000;

/**
 * One turn of a lane: takes what is due of a subscription, as much at once as it may have in flight, sends it, and writes down
 * what came of it, all results of a moment together.
 */
export class LaneRun {
  private readonly bell = new Bell();
  private readonly beganAt = performance.now();
  private readonly givenUp = new AbortController();
  private finished: FinishedAttempt[] = [];
  private unsent: LeasedDelivery[] = [];
  private inFlight = 0;
  /** Nothing more was due when it was last asked. */
  private exhausted = false;
  /** Others hold the places of the subscription. */
  private full = false;
  private breakerOpen = false;
  /** Nothing more is taken: the subscription is not to be sent to, or the database is away. */
  private stopped = false;
  private faulty = false;
  /** When a request came to its end, or the first of those in flight was begun. */
  private heardAt = 0;

  /** @param contended whether other lanes wait for its place, or have it */
  constructor(
    private readonly parts: LaneParts,
    private readonly work: LaneWork,
    private readonly contended: () => boolean,
    private readonly stopping: AbortSignal,
  ) {
    // One for each request in flight.
    setMaxListeners(0, this.givenUp.signal);
  }

  /** Whether it was woken since it last found that nothing was due. */
  get woken(): boolean {
    return !this.exhausted && !this.stopped;
  }

  /** Says that more may be due. */
  wake(): void {
    this.exhausted = false;
    this.bell.ring();
  }

  /** How long the requests in flight have been waiting since anything happened, in milliseconds; 0 when there are none. */
  get silentMs(): number {
    return this.inFlight === 0 ? 0 : performance.now() - this.heardAt;
  }

  /** Says that another lane of its subscription has left places. */
  roomCame(): void {
    if (this.full) this.wake();
  }

  /**
   * @returns milliseconds after which the lane has something to do again; `undefined`: when it is woken
   * @throws DatabaseUnavailable
   */
  async run(): Promise<number | undefined> {
    const subscription = await this.parts.subscriptions.find(this.work.subscriptionId);
    if (subscription === undefined) {
      this.stopped = true;
      return undefined;
    }
    this.parts.sender.prepare(subscription);
    let grace: NodeJS.Timeout | undefined;
    const giveUp = () => {
      this.bell.ring();
      grace = setTimeout(() => this.givenUp.abort(new Error('the server is stopping')), graceMs);
    };
    if (this.stopping.aborted) return 0;
    this.stopping.addEventListener('abort', giveUp, { once: true });
    try {
      return await this.turn(subscription);
    } finally {
      this.stopping.removeEventListener('abort', giveUp);
      clearTimeout(grace);
    }
  }

  private async turn(found: SendableSubscription): Promise<number | undefined> {
    let subscription = found;
    for (;;) {
      if (this.finished.length > 0) await this.writeDown(subscription);
      else if (this.unsent.length > 0) await this.giveBack();
      else if (this.mayTake && this.inFlight < subscription.maxInFlight) subscription = await this.take(subscription);
      else if (this.inFlight > 0) await this.waitInFlight();
      else {
        const pause = await this.pause(subscription);
        if (pause === undefined || pause > shortPauseMs || !this.goesOn) return pause;
        await this.bell.heard(pause);
        this.exhausted = false;
      }
    }
  }

  private async waitInFlight(): Promise<void> {
    await this.bell.heard(this.full && this.goesOn ? roomAgainMs : Infinity);
    if (this.full) this.exhausted = false;
  }

  private get goesOn(): boolean {
    const slice = this.contended() ? sliceMs : longSliceMs;
    return !this.stopped && !this.stopping.aborted && performance.now() - this.beganAt < slice;
  }

  private get mayTake(): boolean {
    return !this.exhausted && this.goesOn;
  }

  /** @returns the subscription as it is to be sent to from now on */
  private async take(subscription: SendableSubscription): Promise<SendableSubscription> {
    const { leases } = this.parts;
    // Before the question, so that whoever wakes the lane meanwhile is not forgotten.
    this.exhausted = true;
    const careful = this.breakerOpen || subscription.ordering === 'subject' || subscription.ratePerSecond !== null;
    const most = Math.min(subscription.maxInFlight - this.inFlight, leasedAtMost);
    try {
      const { deliveries, more, full } = await leases.take(subscription, this.work.lane, most, careful);
      for (const delivery of deliveries) void this.send(subscription, delivery);
      if (more) this.exhausted = false;
      this.full = full;
      return deliveries.length > 0 || full ? subscription : await this.lookAgain(subscription);
    } catch (error) {
      this.fault('nothing could be taken', error);
      return subscription;
    }
  }

  /** Nothing was there for the subscription as it was known: it may be another one by now. */
  private async lookAgain(subscription: SendableSubscription): Promise<SendableSubscription> {
    const look = await this.parts.leases.look(subscription, this.work.lane);
    if (look?.live !== true) {
      this.stopped = true;
      return subscription;
    }
    if (look.breakerOpen !== this.breakerOpen) {
      this.breakerOpen = look.breakerOpen;
      this.exhausted = false;
    }
    if (look.version === subscription.version) return subscription;
    this.exhausted = false;
    return (await this.parts.subscriptions.find(subscription.id)) ?? subscription;
  }

  /** Until when there is nothing to do, in milliseconds. */
  private async pause(subscription: SendableSubscription): Promise<number | undefined> {
    if (this.stopping.aborted) return 0;
    if (this.stopped) return this.faulty ? afterFaultMs : undefined;
    if (!this.exhausted) return 0;
    if (this.full) return roomAgainMs;
    try {
      const look = await this.parts.leases.look(subscription, this.work.lane);
      if (look?.live !== true) return undefined;
      if (look.version !== subscription.version || look.breakerOpen !== this.breakerOpen) return 0;
      return pauseOf(look);
    } catch (error) {
      this.fault('the lane could not be looked at', error);
      return afterFaultMs;
    }
  }

  private async send(subscription: SendableSubscription, delivery: LeasedDelivery): Promise<void> {
    const { sender, measures, slow } = this.parts;
    if (this.inFlight === 0) this.heardAt = performance.now();
    this.inFlight += 1;
    try {
      const result = await sender.send(subscription, delivery, this.givenUp.signal);
      if (result === undefined) {
        this.unsent.push(delivery);
        return;
      }
      this.finished.push({ delivery, result });
      slow.attempted(subscription.id, result.durationMs);
      const first = delivery.attemptCount === 0 && !delivery.probe;
      const latencyMs = first ? delivery.ageMs + result.beganAt - delivery.leasedAt : undefined;
      measures.attempted(this.work.lane, result, latencyMs);
    } catch (error) {
      this.unsent.push(delivery);
      if (!this.givenUp.signal.aborted) this.fault('a delivery could not be sent', error);
    } finally {
      this.inFlight -= 1;
      this.heardAt = performance.now();
      this.bell.ring();
    }
  }

  /** Goes on trying while the leases last: what is not written down by then is sent once more. */
  private async writeDown(subscription: SendableSubscription): Promise<void> {
    const finished = this.finished.splice(0);
    const leasedAt = Math.min(...finished.map(({ delivery }) => delivery.leasedAt));
    const until = leasedAt + leaseMs(subscription.timeoutMs);
    for (;;) {
      try {
        await this.parts.recorder.record(subscription, finished);
        this.roomCame();
        this.parts.left(this.work);
        return;
      } catch (error) {
        this.fault('attempts could not be recorded', error);
        if (this.givenUp.signal.aborted || performance.now() + writeAgainMs > until) return;
        await sleep(writeAgainMs);
      }
    }
  }

  private async giveBack(): Promise<void> {
    const unsent = this.unsent.splice(0);
    try {
      await this.parts.leases.release(unsent, this.stopping.aborted ? 0 : afterFaultMs);
    } catch (error) {
      this.fault('leases could not be given back', error);
    }
  }

  /** Something of this side failed: the run ends. */
  private fault(what: string, error: unknown): void {
    this.stopped = true;
    this.faulty = true;
    this.parts.faults.report(what, error);
  }
}

/** Milliseconds; at least a few, because what is due may be locked by another for a moment. */
function pauseOf({ dueInMs, breakerOpen, probeInMs, tokenInMs }: Look): number | undefined {
  if (dueInMs === null) return undefined;
  return Math.max(10, dueInMs, breakerOpen ? (probeInMs ?? 0) : 0, tokenInMs ?? 0);
}
