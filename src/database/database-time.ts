import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Clock, FollowingClock } from '../clock/index.js';
import { Postgres } from './postgres.js';

const followMs = 1_000;

/** Differences beyond this are told. */
const worthTellingMs = 10_000;

const selectTime = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now';

/** Lets the clock of this process follow the database's, once a second: what expires does so for all processes at once. */
@Injectable()
export class DatabaseTime implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('clock');
  private timer: NodeJS.Timeout | undefined;
  private asking: Promise<void> | undefined;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Before this process serves anybody. */
  async onModuleInit(): Promise<void> {
    await this.follow();
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.asking ??= this.follow().finally(() => (this.asking = undefined));
    }, followMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.asking;
  }

  private async follow(): Promise<void> {
    if (!(this.clock instanceof FollowingClock)) return;
    const begin = performance.now();
    // While it is away the clock goes on by itself.
    const rows = await this.postgres
      .query<{ now: number }>({ name: 'database_time', text: selectTime, values: [] })
      .catch(() => []);
    const [row] = rows;
    if (row === undefined) return;
    const setBy = this.clock.follow(row.now, begin, performance.now());
    if (Math.abs(setBy) > worthTellingMs) {
      this.logger.warn(`this machine's clock was ${Math.round(setBy / 1_000)} s off the database's, which counts`);
    }
  }
}
