import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosWorld, Receiver } from '../support/chaos-world.js';
import { redisAvailable } from '../support/redis.js';

/** How often something is killed: `npm run test:chaos` asks for 120. */
const rounds = Number(process.env['SIGNET_CHAOS_ROUNDS'] ?? 3);

/** Events per second: batches of ten. */
const batchEveryMs = 50;
const batchSize = 10;

/** How long everything may take to arrive once nothing is killed any more. */
const settleMs = 120_000;

interface Member {
  readonly [name: string]: unknown;
}

class Run {
  readonly accepted = new Map<string, boolean>();
  readonly subscriptions: { readonly id: string; readonly receiver: Receiver }[] = [];
  private stopped = false;
  private adminToken = '';

  private constructor(
    readonly world: ChaosWorld,
    readonly receivers: readonly Receiver[],
  ) {}

  static async start(backend: 'postgres' | 'redis'): Promise<Run> {
    const chance = (share: number) => Math.random() < share;
    const receivers = await Promise.all([
      Receiver.start('prompt', () => 204),
      Receiver.start('slow', () => 204, 40),
      Receiver.start('flaky', () => (chance(0.1) ? 503 : 204)),
      Receiver.start('cutting', () => (chance(0.05) ? 'drop' : 204)),
      Receiver.start('choosy', ({ data: { poison } }) => (poison ? 500 : 204)),
    ]);
    const run = new Run(await ChaosWorld.start(backend), receivers);
    run.adminToken = await run.world.token(run.world.admin);
    for (const receiver of receivers) {
      const schedule = receiver.name === 'choosy' ? [1] : [1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
      const { id } = await run.asAdmin('POST', '/admin/events/subscriptions', {
        name: receiver.name,
        url: receiver.url,
        event_types: ['order.*'],
        retry: { backoff_seconds: schedule },
        max_in_flight: 50,
      });
      run.subscriptions.push({ id: String(id), receiver });
    }
    return run;
  }

  async asAdmin(method: string, path: string, body?: unknown): Promise<Member> {
    const headers = { authorization: `Bearer ${this.adminToken}`, 'content-type': 'application/json' };
    for (let at = 0; ; at += 1) {
      const answer = await this.world.fetch(at, path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (answer?.ok === true) return (await answer.json()) as Member;
      if (answer !== undefined && answer.status < 500)
        throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      await sleep(100);
    }
  }

  /** Publishes until it is stopped; a batch that was not taken is sent again as it is. */
  async publish(): Promise<void> {
    const publisher = (await this.asAdmin('POST', '/admin/oauth/clients', {
      client_name: 'publisher',
      client_id: 'publisher',
      scope: 'events:publish',
    })) as { client_id: string; client_secret: string } & Member;
    const token = await this.world.token(publisher);
    const sending: Promise<void>[] = [];
    for (let batch = 0; !this.stopped; batch += 1) {
      sending.push(this.publishBatch(batch, token));
      await sleep(batchEveryMs);
    }
    await Promise.all(sending);
  }

  private async publishBatch(batch: number, token: string): Promise<void> {
    const events = Array.from({ length: batchSize }, (_, at) => ({
      specversion: '1.0',
      id: `${batch}-${at}`,
      source: 'publisher',
      type: 'order.created',
      data: { poison: (batch * batchSize + at) % 200 === 7 },
    }));
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/cloudevents-batch+json' };
    for (let attempt = batch; ; attempt += 1) {
      const answer = await this.world.fetch(attempt, '/events', {
        method: 'POST',
        headers,
        body: JSON.stringify(events),
      });
      if (answer?.status === 202) break;
      if (answer !== undefined && answer.status < 500 && answer.status !== 429) throw new Error(await answer.text());
      await sleep(100);
    }
    for (const { id, data } of events) this.accepted.set(id, data.poison);
  }

  stopPublishing(): void {
    this.stopped = true;
  }

  /** One blow, and a moment for what it starts. */
  async strike(round: number, backend: 'postgres' | 'redis'): Promise<string> {
    const blows: readonly (readonly [string, () => Promise<void> | void])[] = [
      ['PostgreSQL stopped at once', () => this.world.killPostgres('SIGQUIT')],
      ['PostgreSQL restarted', () => this.world.killPostgres('SIGINT')],
      ['server 2 killed', () => this.world.killServer(1)],
      ...(backend === 'redis' ? ([['Redis restarted', () => this.world.restartRedis()]] as const) : []),
      ['PostgreSQL killed', () => this.world.killPostgres('SIGKILL')],
      ...(backend === 'redis' ? ([['Redis flushed', () => this.world.flushRedis()]] as const) : []),
      ['server 1 killed', () => this.world.killServer(0)],
    ];
    // The first blows are one of each kind, from the end of the list; then chance decides.
    const [name, strike] = blows.toReversed()[
      round < blows.length ? round : Math.floor(Math.random() * blows.length)
    ] ?? ['', () => undefined];
    await strike();
    await sleep(200 + Math.random() * 800);
    return name;
  }

  /** Resolves when every receiver has everything, and every poisoned event is dead or held; false when that does not happen. */
  async settled(): Promise<boolean> {
    for (const limit = Date.now() + settleMs; Date.now() < limit; await sleep(250)) {
      const arrived = this.receivers.every((receiver) => this.missing(receiver).length === 0);
      if (arrived && (await this.dead()).length + (await this.held()).length === this.poisoned().length) return true;
    }
    return false;
  }

  missing({ name, webhookIds }: Receiver): string[] {
    return [...this.accepted].flatMap(([id, poison]) =>
      webhookIds.has(id) || (poison && name === 'choosy') ? [] : [id],
    );
  }

  poisoned(): string[] {
    return [...this.accepted].flatMap(([id, poison]) => (poison ? [id] : []));
  }

  dead(): Promise<Member[]> {
    return this.list('/admin/events/dead-letters?');
  }

  /** When nothing but poison is left, the breaker opens: what is left is held, not burnt. */
  held(): Promise<Member[]> {
    return this.list('/admin/events/deliveries?status=held&');
  }

  private async list(path: string): Promise<Member[]> {
    const found: Member[] = [];
    for (let cursor = ''; ;) {
      const page = await this.asAdmin('GET', `${path}limit=200${cursor}`);
      found.push(...(page['items'] as Member[]));
      const next = page['next_cursor'] as string | null;
      if (next === null) return found;
      cursor = `&cursor=${next}`;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.world.stop();
    await Promise.all(this.receivers.map((receiver) => receiver.close()));
  }
}

const backends =
  redisAvailable() || process.env['CI'] === 'true' ? (['postgres', 'redis'] as const) : (['postgres'] as const);

describe.each(backends)('E-19, Z-15, Z-17: with the queue on %s', (backend) => {
  it(
    'every event that was taken reaches every receiver, whatever is killed, and repeats keep their webhook-id',
    async () => {
      const run = await Run.start(backend);
      const struck = new Map<string, number>();
      try {
        const publishing = run.publish();
        for (let round = 0; round < rounds; round += 1) {
          const name = await run.strike(round, backend);
          struck.set(name, (struck.get(name) ?? 0) + 1);
        }
        run.stopPublishing();
        await publishing;
        const settled = await run.settled();
        const ledger = run.receivers.map((receiver) => ({
          receiver: receiver.name,
          missing: run.missing(receiver).length,
          invented: [...receiver.webhookIds.keys()].filter((id) => !run.accepted.has(id)).length,
          received: receiver.webhookIds.size,
          repeats: receiver.deliveries - receiver.webhookIds.size,
          renamed: [...receiver.webhookIds.values()].filter((ids) => ids.size > 1).length,
        }));
        console.table([...struck].map(([blow, times]) => ({ blow, times })));
        console.table(ledger.map((line) => ({ accepted: run.accepted.size, ...line })));
        expect(ledger.map(({ missing, invented, renamed }) => ({ missing, invented, renamed }))).toEqual(
          ledger.map(() => ({ missing: 0, invented: 0, renamed: 0 })),
        );
        const choosy = run.subscriptions.find(({ receiver }) => receiver.name === 'choosy')?.id;
        const [dead, held] = [await run.dead(), await run.held()];
        console.table([{ poisoned: run.poisoned().length, dead: dead.length, held: held.length }]);
        expect([...dead, ...held].filter((one) => one['subscription_id'] !== choosy)).toEqual([]);
        expect(new Set([...dead, ...held].map((one) => one['event_id'])).size).toBe(run.poisoned().length);
        expect(settled).toBe(true);
      } finally {
        await run.stop();
      }
    },
    240_000 + rounds * 10_000,
  );
});
