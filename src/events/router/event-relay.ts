import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { OutboxSignal } from '../../outbox/index.js';
import { EventRouter } from './event-router.js';

/** Between two looks at the outbox while nobody hints: events that other processes have committed. */
const lookMs = 250;

/** Part of {@link lookMs} by which a look is early or late, so that processes do not look in step. */
const jitter = 0.2;

/** After a failure, doubled by each that follows. */
const pauseMs = { first: 250, longest: 2_000 } as const;

/** Longest that the shutdown waits for a batch; what it leaves is rolled back, and routed by whoever comes next. */
const stopWithinMs = 2_000;

/** Routes events for as long as the process lives: at once when this process has committed some, and soon anyhow. */
@Injectable()
export class EventRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('events');
  private stopped = false;
  private hinted = false;
  private failures = 0;
  private wake: () => void = () => undefined;
  private stopListening: () => void = () => undefined;
  private running: Promise<void> | undefined;

  constructor(
    @Inject(EventRouter) private readonly router: EventRouter,
    @Inject(OutboxSignal) private readonly signal: OutboxSignal,
  ) {}

  onApplicationBootstrap(): void {
    this.stopListening = this.signal.onRaised(() => this.hint());
    this.running ??= this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.stopListening();
    this.wake();
    if (this.running !== undefined) await Promise.race([this.running, this.rest(stopWithinMs)]);
    this.wake();
  }

  private hint(): void {
    this.hinted = true;
    // While the database is away a hint means nothing.
    if (this.failures === 0) this.wake();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const pause = await this.turn();
      if (pause > 0 && !this.stopped && !(this.hinted && this.failures === 0)) await this.rest(pause);
    }
  }

  /** @returns how long to rest now, in milliseconds */
  private async turn(): Promise<number> {
    const { hinted } = this;
    this.hinted = false;
    try {
      const goesOn = (hinted || (await this.router.isWaiting())) && (await this.router.route());
      this.recovered();
      return goesOn ? 0 : lookMs * (1 + jitter * (2 * Math.random() - 1));
    } catch (error) {
      this.failed(error);
      return Math.min(pauseMs.longest, pauseMs.first * 2 ** (this.failures - 1));
    }
  }

  private failed(error: unknown): void {
    if (this.failures === 0 && !this.stopped) {
      this.logger.warn(`events wait to be routed: ${error instanceof Error ? error.message : 'unknown'}`);
    }
    this.failures += 1;
  }

  private recovered(): void {
    if (this.failures > 0) this.logger.log('events are routed again');
    this.failures = 0;
  }

  /** Until the time is over, or somebody wakes this. */
  private rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
