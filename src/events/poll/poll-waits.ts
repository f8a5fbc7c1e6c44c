import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Postgres } from '../../database/index.js';
import { LaneSignal } from '../records/index.js';
import { TooManyPolls } from './poll.errors.js';

/** Most polls of one client that wait in this process at once; and of all clients together. */
const waitLimits = { ofClient: 10, ofAll: 2_000 } as const;

/** Milliseconds between two looks for what has become due without a word in this process. */
const lookMs = 400;

/** Of the subscriptions that are waited for, those where something is due, or that are gone. */
const selectDue = `
  SELECT s.id FROM subscriptions s
  WHERE s.id = ANY ($1::uuid[]) AND (s.deleted_at IS NOT NULL OR s.status = 'active' AND EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.subscription_id = s.id AND d.lane = ANY (ARRAY['security', 'state', 'bulk'])
      AND d.status IN ('pending', 'retrying') AND d.due_at <= statement_timestamp()))`;

/** A poll that waits. */
export interface Wait {
  /**
   * Resolves when there may be something: since the wait was entered, or since it last did.
   *
   * @param ms how long it waits at most
   * @returns false when the time is over, nobody listens any more, or the server stops
   */
  next(ms: number, signal: AbortSignal): Promise<boolean>;
  leave(): void;
}

/**
 * The polls that wait in this process. However many they are, one query looks for all of them; what this process itself makes
 * due wakes them at once.
 */
@Injectable()
export class PollWaits implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('poll');
  private readonly waiting = new Map<string, Set<WaitingPoll>>();
  private readonly ofClient = new Map<string, number>();
  private all = 0;
  private timer: NodeJS.Timeout | undefined;
  private closing = false;
  private blind = false;
  private stopListening: (() => void) | undefined;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(LaneSignal) private readonly lanes: LaneSignal,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.lanes.onRaised(({ subscriptionId }) => this.wake(subscriptionId));
  }

  /** Ends every wait: the polls answer with nothing. */
  onModuleDestroy(): void {
    this.closing = true;
    this.stopListening?.();
    clearTimeout(this.timer);
    for (const polls of this.waiting.values()) {
      for (const poll of polls) poll.end();
    }
  }

  /**
   * Enters a wait; whoever does must leave it.
   *
   * @throws TooManyPolls
   */
  enter(clientId: string, subscriptionId: string): Wait {
    const own = this.ofClient.get(clientId) ?? 0;
    if (own >= waitLimits.ofClient || this.all >= waitLimits.ofAll) throw new TooManyPolls();
    this.ofClient.set(clientId, own + 1);
    this.all += 1;
    const poll = new WaitingPoll(() => this.leave(clientId, subscriptionId, poll));
    if (this.closing) poll.end();
    const polls = this.waiting.get(subscriptionId) ?? new Set();
    this.waiting.set(subscriptionId, polls.add(poll));
    this.lookLater();
    return poll;
  }

  private leave(clientId: string, subscriptionId: string, poll: WaitingPoll): void {
    const polls = this.waiting.get(subscriptionId);
    if (polls?.delete(poll) !== true) return;
    if (polls.size === 0) this.waiting.delete(subscriptionId);
    const own = (this.ofClient.get(clientId) ?? 0) - 1;
    if (own > 0) this.ofClient.set(clientId, own);
    else this.ofClient.delete(clientId);
    this.all -= 1;
  }

  private wake(subscriptionId: string): void {
    for (const poll of this.waiting.get(subscriptionId) ?? []) poll.wake();
  }

  private lookLater(): void {
    if (this.timer !== undefined || this.closing || this.all === 0) return;
    this.timer = setTimeout(() => {
      void this.look().finally(() => {
        this.timer = undefined;
        this.lookLater();
      });
    }, lookMs).unref();
  }

  private async look(): Promise<void> {
    try {
      const values = [[...this.waiting.keys()]];
      const due = await this.postgres.query<{ id: string }>({ name: 'polls_due', text: selectDue, values });
      for (const { id } of due) this.wake(id);
      this.blind = false;
    } catch (error) {
      if (!this.blind) this.logger.warn(`polls wait blindly: ${error instanceof Error ? error.message : 'unknown'}`);
      this.blind = true;
    }
  }
}

class WaitingPoll implements Wait {
  private woken = false;
  private over = false;
  private proceed: (() => void) | undefined;

  constructor(readonly leave: () => void) {}

  wake(): void {
    this.woken = true;
    this.proceed?.();
  }

  end(): void {
    this.over = true;
    this.proceed?.();
  }

  async next(ms: number, signal: AbortSignal): Promise<boolean> {
    const end = () => this.end();
    const timer = setTimeout(end, Math.max(0, ms));
    signal.addEventListener('abort', end);
    if (!this.woken && !this.over && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.proceed = resolve;
      });
    }
    this.proceed = undefined;
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    const goesOn = this.woken && !this.over && !signal.aborted;
    this.woken = false;
    return goesOn;
  }
}
