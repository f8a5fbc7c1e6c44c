import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { Postgres } from '../database/index.js';
import { QueueBackend } from '../queue/index.js';
import { ComponentCheck } from './component-check.js';
import { SigningKeyStatus } from './signing-key-status.js';

type State = 'up' | 'down';

/** Whether the server can do its work, and which part of it cannot; nothing about why. */
export interface ReadinessReport {
  readonly status: State;
  readonly database: State;
  readonly queue: State;
  readonly signing_key: State;
}

/** How long an answer is given again, in milliseconds; probes cost the database two statements a second at most. */
const freshMs = 500;

/** Answers the readiness probe (http-api.md, "Running"). */
@Injectable()
export class Readiness {
  private readonly database: ComponentCheck;
  private readonly queue: ComponentCheck;
  private draining = false;
  private last: { readonly at: number; readonly report: ReadinessReport } | undefined;
  private checking: Promise<ReadinessReport> | undefined;

  constructor(
    @Inject(Postgres) postgres: Postgres,
    @Inject(QueueBackend) queue: QueueBackend,
    @Inject(SigningKeyStatus) private readonly signingKey: SigningKeyStatus,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    this.database = new ComponentCheck(() => isWritable(postgres));
    this.queue = new ComponentCheck(() => queue.ping().then(() => true));
  }

  /** From now on the server is not ready: it shuts down, and load balancers shall send nobody any more. */
  drain(): void {
    this.draining = true;
  }

  /** The state of the server, at most half a second old. Never rejects; takes two seconds at most. */
  async report(): Promise<ReadinessReport> {
    const report = await this.recent();
    return this.draining ? { ...report, status: 'down' } : report;
  }

  private recent(): Promise<ReadinessReport> {
    const age = this.last === undefined ? Infinity : this.clock.now() - this.last.at;
    if (this.last !== undefined && age >= 0 && age < freshMs) return Promise.resolve(this.last.report);
    this.checking ??= this.check().finally(() => {
      this.checking = undefined;
    });
    return this.checking;
  }

  private async check(): Promise<ReadinessReport> {
    const [database, queue] = await Promise.all([this.database.isUp(), this.queue.isUp()]);
    const signingKey = this.signingKey.ready();
    const report: ReadinessReport = {
      status: state(database && queue && signingKey),
      database: state(database),
      queue: state(queue),
      signing_key: state(signingKey),
    };
    this.last = { at: this.clock.now(), report };
    return report;
  }
}

function state(up: boolean): State {
  return up ? 'up' : 'down';
}

/** A database that takes no writes, a replica for one, is of no use to a server that records every token. */
async function isWritable(postgres: Postgres): Promise<boolean> {
  const [row] = await postgres.query<{ writable: boolean }>({
    name: 'signet_ready',
    text: `SELECT current_setting('transaction_read_only') = 'off' AS writable`,
    values: [],
  });
  return row?.writable === true;
}
