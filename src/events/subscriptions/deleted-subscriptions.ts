import { type BeforeApplicationShutdown, Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { isDatabaseUnavailable, Postgres } from '../../database/index.js';
import { ScheduledJobs } from '../../queue/index.js';

const everySeconds = 30;

/** Deliveries that are cancelled by one statement. */
const batch = 1_000;

/** Those that a lane holds at this moment are cancelled too: its result then finds no lease, and is not written. */
const cancelSome = `
  WITH chosen AS (
    SELECT id FROM deliveries WHERE subscription_id = $1::uuid AND status IN ('pending', 'retrying')
    LIMIT $2 FOR UPDATE SKIP LOCKED
  )
  UPDATE deliveries d
  SET status = 'cancelled', lease_token = NULL, next_attempt_at = NULL, updated_at = statement_timestamp(),
    finished_at = statement_timestamp()
  FROM chosen WHERE d.id = chosen.id
  RETURNING d.id`;

const selectUnfinished = `
  SELECT id FROM subscriptions s
  WHERE deleted_at IS NOT NULL AND EXISTS (
    SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.status IN ('pending', 'retrying')
  )
  ORDER BY deleted_at`;

/**
 * Cancels what was to be sent to subscriptions that were deleted: in small batches, right after the deletion and again from time to
 * time, since a router that has read the subscriptions a moment earlier may add some.
 */
@Injectable()
export class DeletedSubscriptions implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('deleted-subscriptions');
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(ScheduledJobs) private readonly scheduledJobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.scheduledJobs.register({
      name: 'deleted-subscriptions',
      everySeconds,
      run: (signal) => this.cancelAll(signal),
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  /** Begins to cancel; what it does not come to, the next scheduled run does. Never fails. */
  cancelSoon(subscriptionId: string): void {
    const run = this.cancel(subscriptionId, this.stopping.signal)
      .catch((error: unknown) => {
        if (!isDatabaseUnavailable(error)) this.logger.error(error);
      })
      .finally(() => this.running.delete(run));
    this.running.add(run);
  }

  private async cancelAll(signal: AbortSignal): Promise<void> {
    const statement = { name: 'deleted_subscriptions', text: selectUnfinished, values: [] };
    for (const { id } of await this.postgres.query<{ id: string }>(statement)) await this.cancel(id, signal);
  }

  private async cancel(subscriptionId: string, signal: AbortSignal): Promise<void> {
    const statement = { name: 'cancel_deliveries', text: cancelSome, values: [subscriptionId, batch] };
    while (!signal.aborted) {
      const cancelled = await this.postgres.query(statement);
      if (cancelled.length < batch) return;
    }
  }
}
