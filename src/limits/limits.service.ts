import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { type Counter, type Family, Measurements } from '../measurements/index.js';
import { DayQuotas } from './day-quotas.js';
import { LimitSharing } from './limit-sharing.js';
import { networkOf } from './network-of.js';
import { SharedBuckets } from './shared-buckets.js';

/** Failed authentications per minute before the next failure is answered 429 (security.md D14). */
export const failureBudgets = {
  /** By one client from one network. */
  clientAndNetwork: 500,
  /** By one client from anywhere. */
  client: 5_000,
  /** From one network, whatever the client. */
  network: 5_000,
  /** In the name of clients that do not exist, from anywhere. Once it is used up, every failure is answered alike. */
  unknownClients: 30_000,
} as const;

/** Clients whose requests are counted. */
const capacity = 50_000;

/**
 * Buckets that failures are counted in, per kind. What a stranger may choose – the name of a client, a network – is mapped to one of
 * them, whether it exists or not: a million made-up names need no more memory here or in Redis, and no answer tells which exist.
 */
const slots = 16_384;

/** What a client may ask for. */
export interface Quotas {
  readonly clientId: string;
  /** `undefined`: no limit. */
  readonly rateLimitPerMinute: number | undefined;
  /** Per day of UTC; `undefined`: no limit. */
  readonly rateLimitPerDay: number | undefined;
  /** Whether a request beyond them is counted only. */
  readonly reportsRateLimits: boolean;
}

/** A quota that a request goes beyond. */
export interface ExceededQuota {
  readonly quota: 'minute' | 'day';
  /** Whole seconds after which there will be something of it. */
  readonly waitSeconds: number;
}

type Budget = 'client_network' | 'client' | 'network' | 'unknown_clients';

const { imul } = Math;

const nothing: readonly ExceededQuota[] = [];

/**
 * Limits in bounded memory, decided at once by what this process knows, and shared with others where there is a Redis. A budget of
 * failures slows down failures only: a client that shows the right credentials is never locked out by somebody else's guesses.
 */
@Injectable()
export class Limits {
  private readonly failures: SharedBuckets;
  private readonly requests: SharedBuckets;
  private readonly refusals: Family<Counter>;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LimitSharing) sharing: LimitSharing,
    @Inject(DayQuotas) private readonly days: DayQuotas,
    @Inject(Measurements) measurements: Measurements,
  ) {
    this.failures = new SharedBuckets('f:', 8 * slots, sharing);
    this.requests = new SharedBuckets('m:', capacity, sharing);
    this.refusals = measurements.counters({
      name: 'signet_limit_refusals_total',
      help: 'Requests beyond a limit: refused, or with the mode report only counted.',
      labels: ['limit', 'mode'],
    });
    measurements.read({
      name: 'limits',
      series: [
        {
          name: 'signet_limits_shared',
          help: 'Whether limits are shared through Redis at this moment; absent without Redis.',
          labels: [],
        },
      ],
      read: () => (sharing.isShared ? [{ name: 'signet_limits_shared', value: sharing.isUp ? 1 : 0 }] : []),
    });
  }

  /**
   * Counts a failed authentication.
   *
   * @param clientExists whether the name that it was made in is that of a client
   * @returns 0 while the budgets last, else the seconds to wait for the next attempt
   */
  failed(clientId: string, clientExists: boolean, address: string | undefined): number {
    const now = this.clock.now();
    const network = networkOf(address);
    const take = (budget: Budget, key: string, perMinute: number) => ({
      budget,
      wait: this.failures.take(key, perMinute, now),
    });
    const taken = [
      take('client_network', slot('cn', `${network} ${clientId}`), failureBudgets.clientAndNetwork),
      take('client', slot('c', clientId), failureBudgets.client),
      take('network', slot('n', network), failureBudgets.network),
    ];
    // One network alone must not use up what is everybody's.
    if (taken.every(({ wait }) => wait === 0)) {
      taken.push({ budget: 'unknown_clients', wait: this.failedAnywhere(clientExists, now) });
    }
    const [exhausted] = taken.filter(({ wait }) => wait > 0);
    if (exhausted !== undefined) this.refusals.of(exhausted.budget, 'enforce').add();
    return Math.max(...taken.map(({ wait }) => wait));
  }

  /**
   * Counts a request of an authenticated client against its quotas.
   *
   * @returns those that it goes beyond, seldom any; whether it is refused is for the caller to say
   */
  requested({ clientId, rateLimitPerMinute, rateLimitPerDay, reportsRateLimits }: Quotas): readonly ExceededQuota[] {
    const now = this.clock.now();
    const untilTomorrow = rateLimitPerDay === undefined ? 0 : this.days.wait(clientId, rateLimitPerDay, now);
    // What is refused uses nothing up.
    const goesOn = untilTomorrow === 0 || reportsRateLimits;
    const untilMore =
      rateLimitPerMinute === undefined || !goesOn ? 0 : this.requests.take(clientId, rateLimitPerMinute, now);
    if (rateLimitPerDay !== undefined && untilTomorrow === 0 && (untilMore === 0 || reportsRateLimits)) {
      this.days.take(clientId, now);
    }
    if (untilMore === 0 && untilTomorrow === 0) return nothing;
    const exceeded: ExceededQuota[] = [];
    if (untilTomorrow > 0) exceeded.push({ quota: 'day', waitSeconds: untilTomorrow });
    if (untilMore > 0) exceeded.push({ quota: 'minute', waitSeconds: untilMore });
    return exceeded;
  }

  /** Counts a request that went beyond a quota, once it is known what becomes of it. */
  exceeded({ quota }: ExceededQuota, mode: 'enforce' | 'report'): void {
    this.refusals.of(`client_${quota}`, mode).add();
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.failures.size + this.requests.size + this.days.size;
  }

  /** The answer is the same for names that exist: else it would tell which do. */
  private failedAnywhere(clientExists: boolean, now: number): number {
    const { unknownClients } = failureBudgets;
    return clientExists
      ? this.failures.wait('unknown', unknownClients, now)
      : this.failures.take('unknown', unknownClients, now);
  }
}

/** FNV-1a: whoever finds two names of one slot gains nothing that he would not get by the name itself. */
function slot(kind: string, text: string): string {
  let sum = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) sum = imul(sum ^ text.charCodeAt(index), 0x01000193);
  return `${kind}:${(sum >>> 0) % slots}`;
}
