import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { QueueBackend } from '../../queue/index.js';
import { lanes, LaneSignal, type LaneWork } from '../records/index.js';
import { SendableSubscriptions } from '../subscriptions/index.js';
import { AttemptRecorder } from './attempt-recorder.service.js';
import { DeliveryFaults } from './delivery-faults.js';
import { DeliveryMeasures } from './delivery-measures.js';
import { DeliverySender } from './delivery-sender.service.js';
import { LanePlaces, type Place } from './lane-places.js';
import { laneId, LaneQueues } from './lane-queues.js';
import { type LaneParts, LaneRun } from './lane-run.js';
import { LeaseRepository } from './lease.repository.js';
import { SlowEndpoints } from './slow-endpoints.js';

/** What this process knows of a lane while it has anything to do with it. */
interface LaneState {
  readonly work: LaneWork;
  run?: LaneRun | undefined;
  /** Its turn is over, and its job not yet out of the queue: the same job cannot be added before. */
  ending: boolean;
  adding: boolean;
  /** It was woken while that was so. */
  again: boolean;
  timer?: NodeJS.Timeout | undefined;
  fallback?: NodeJS.Timeout | undefined;
}

/** When the end of a job is taken for granted, in milliseconds: a store that lost the job never tells. */
const endedAfterMs = 500;

/** When a slow lane that found no place asks again, in milliseconds. */
const slowAgainMs = 250;

/** Later than that is left to the sweeper, in milliseconds. */
const longestTimerMs = 60_000;

/** What lanes at work are given at shutdown: their requests, and writing down what came of them. */
const closeMs = 3_500;

/**
 * Gives each lane its turns. A lane is woken by a hint that deliveries are due, by a timer for what will be, and by the sweeper
 * for whatever was missed; its turns are jobs, so that it has one at a time in all processes together, after the others' turns.
 */
@Injectable()
export class Lanes implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Delivery');
  private readonly states = new Map<string, LaneState>();
  private readonly queues: LaneQueues;
  private readonly parts: LaneParts;
  private readonly slow = new SlowEndpoints();
  private readonly places: LanePlaces;
  /** Turns that have given up their place, and their job with it. */
  private readonly aside = new Set<Promise<void>>();
  private endListening: (() => void) | undefined;
  private closing: Promise<boolean> | undefined;

  constructor(
    @Inject(QueueBackend) backend: QueueBackend,
    @Inject(LaneSignal) private readonly signal: LaneSignal,
    @Inject(SendableSubscriptions) subscriptions: SendableSubscriptions,
    @Inject(LeaseRepository) leases: LeaseRepository,
    @Inject(DeliverySender) sender: DeliverySender,
    @Inject(AttemptRecorder) recorder: AttemptRecorder,
    @Inject(DeliveryMeasures) measures: DeliveryMeasures,
    @Inject(DeliveryFaults) private readonly faults: DeliveryFaults,
  ) {
    const left = (work: LaneWork) => this.left(work);
    this.parts = { subscriptions, leases, sender, recorder, measures, slow: this.slow, faults, left };
    this.places = new LanePlaces(measures);
    this.queues = new LaneQueues(backend, {
      run: (work, stopping) => this.turn(work, stopping),
      done: (work) => this.ended(work),
    });
  }

  onApplicationBootstrap(): void {
    this.endListening = this.signal.onRaised((work) => void this.wake(work));
    this.places.open();
    this.queues.open();
  }

  /** Begins to close, at the same time as others do. */
  onModuleDestroy(): void {
    this.endListening?.();
    this.places.close();
    for (const { timer, fallback } of this.states.values()) {
      clearTimeout(timer);
      clearTimeout(fallback);
    }
    this.closing ??= this.close();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.onModuleDestroy();
    if ((await this.closing) === false) this.logger.warn('deliveries did not end in time; they will be sent again');
  }

  /** Sees to it that a lane looks for due deliveries from now on. Resolves when that is on its way; never rejects. */
  async wake(work: LaneWork): Promise<void> {
    if (this.closing !== undefined) return;
    const state = this.stateOf(work);
    if (state.run !== undefined) {
      state.run.wake();
    } else if (state.ending || state.adding) {
      state.again = true;
    } else {
      await this.add(state);
    }
  }

  private async add(state: LaneState): Promise<void> {
    clearTimeout(state.timer);
    state.timer = undefined;
    state.adding = true;
    state.again = false;
    await this.queues.add(state.work);
    state.adding = false;
    if (state.again && state.run === undefined && !state.ending) await this.wake(state.work);
    else this.forgetIfIdle(state);
  }

  private async turn(work: LaneWork, stopping: AbortSignal): Promise<void> {
    const state = this.stateOf(work);
    if (state.run !== undefined) {
      // The job of the turn that goes on here was given up or lost, and asked for again elsewhere.
      state.run.wake();
      return;
    }
    const { lane } = work;
    const slow = this.slow.isSlow(work.subscriptionId);
    if (slow && this.places.hasEnoughSlow(lane)) {
      this.end(state, slowAgainMs);
      return;
    }
    await new Promise<void>((resolve) => {
      const onAside = () => {
        this.aside.add(over);
        void over.then(() => this.aside.delete(over));
        this.awaitJob(state);
        resolve();
      };
      const contended = () => place.aside || this.places.isFull(lane);
      const run = new LaneRun(this.parts, work, contended, stopping);
      const place: Place = this.places.take({ lane, slow, turn: run, onAside });
      state.run = run;
      const over = this.finish(state, run, place).then(resolve);
    });
  }

  private async finish(state: LaneState, run: LaneRun, place: Place): Promise<void> {
    let pause: number | undefined = slowAgainMs;
    try {
      pause = await run.run();
      if (run.woken) pause = 0;
    } catch (error) {
      this.faults.report('a lane could not begin', error);
      pause = 1_000;
    } finally {
      this.places.leave(place);
      state.run = undefined;
      this.end(state, pause, place.aside);
    }
  }

  /** Places of a subscription are free: they may be what its other lanes wait for. */
  private left({ subscriptionId, lane }: LaneWork): void {
    for (const other of lanes) {
      if (other !== lane) this.states.get(laneId({ subscriptionId, lane: other }))?.run?.roomCame();
    }
  }

  /**
   * Its turn is over: its next one can be asked for when the job is out of the queue.
   *
   * @param aside the job was given up before
   */
  private end(state: LaneState, pauseMs: number | undefined, aside = false): void {
    if (this.closing !== undefined) return;
    if (pauseMs !== undefined && pauseMs <= 0) state.again = true;
    else if (pauseMs !== undefined && pauseMs <= longestTimerMs) this.wakeIn(state, pauseMs);
    if (!aside) this.awaitJob(state);
    else if (!state.ending) this.goOn(state);
  }

  private awaitJob(state: LaneState): void {
    state.ending = true;
    clearTimeout(state.fallback);
    state.fallback = setTimeout(() => this.ended(state.work), endedAfterMs);
  }

  private wakeIn(state: LaneState, pauseMs: number): void {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      state.timer = undefined;
      void this.wake(state.work);
    }, Math.ceil(pauseMs));
  }

  private ended(work: LaneWork): void {
    const state = this.states.get(laneId(work));
    if (state === undefined || !state.ending) return;
    state.ending = false;
    clearTimeout(state.fallback);
    if (state.run === undefined) this.goOn(state);
  }

  private goOn(state: LaneState): void {
    if (state.again) void this.wake(state.work);
    else this.forgetIfIdle(state);
  }

  private async close(): Promise<boolean> {
    const rest = Promise.all(this.aside).then(() => true);
    const late = sleep(closeMs, false, { ref: false });
    const [closed, finished] = await Promise.all([this.queues.close(closeMs), Promise.race([rest, late])]);
    return closed && finished;
  }

  private stateOf(work: LaneWork): LaneState {
    const id = laneId(work);
    let state = this.states.get(id);
    if (state === undefined) this.states.set(id, (state = { work, ending: false, adding: false, again: false }));
    return state;
  }

  private forgetIfIdle(state: LaneState): void {
    const { run, ending, adding, timer } = state;
    if (run === undefined && !ending && !adding && timer === undefined) this.states.delete(laneId(state.work));
  }
}
