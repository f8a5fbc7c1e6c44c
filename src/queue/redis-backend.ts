import { type ConnectionOptions, createRedisBackend, type RedisQueueBackend, withBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { BullMqBackend, type Connected } from './bullmq-backend.js';
import { evictionFault, hideEvictionPolicy } from './eviction-policy.js';
import type { QueueBackendKind } from './queue-backend.js';
import { QueueUnavailable } from './queue-unavailable.js';

/**
 * A connection that answers nothing for the `socketTimeout` is given up and made anew: where a network drops what it carried
 * without a word, the old socket stays silent for good, long after a new one would work.
 */
const roles = {
  /** A request waits for a producer: better an error at once than an answer after the outage. */
  producer: { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 3_000, socketTimeout: 5_000 },
  /** A worker waits for whatever it takes; BullMQ requires `null`. It lets Redis be silent for ten seconds when there is no job. */
  worker: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
} as const satisfies Record<string, RedisOptions>;

/** The queues in Redis, 6.2 or later, `maxmemory-policy noeviction`. Two connections for all, and one more per worker. */
export class RedisBackend extends BullMqBackend<RedisQueueBackend, ConnectionOptions> {
  readonly kind: QueueBackendKind = 'redis';
  private readonly clients = new Map<keyof typeof roles, Promise<Redis>>();
  private isPolicyChecked = false;

  constructor(
    private readonly url: string,
    prefix: string,
  ) {
    super(withBackend(createRedisBackend), prefix);
  }

  async ping(): Promise<void> {
    const client = await this.client('producer');
    try {
      // A Redis that answers and takes nothing – read-only, out of memory – is of no use to a queue.
      await client.set(`${this.prefix}:ready`, '1', 'PX', 5_000);
    } catch (error) {
      throw new QueueUnavailable(error);
    }
  }

  protected async connect(role: keyof typeof roles): Promise<Connected<ConnectionOptions>> {
    return { connection: await this.client(role) };
  }

  /** BullMQ changes a schedule by one script, which Redis runs as a whole. */
  protected alone(work: () => Promise<void>): Promise<void> {
    return work();
  }

  /** Redis keeps the time of the locks itself. */
  protected watchLocks(): () => void {
    return () => undefined;
  }

  protected async disconnect(): Promise<void> {
    for (const client of this.clients.values()) {
      await client.then((connected) => connected.disconnect()).catch(() => undefined);
    }
    this.clients.clear();
  }

  private client(role: keyof typeof roles): Promise<Redis> {
    const known = this.clients.get(role);
    if (known !== undefined) return known;
    const connecting = this.open(role);
    this.clients.set(role, connecting);
    connecting.catch(() => this.clients.delete(role));
    return connecting;
  }

  /** Says what is wrong with the policy of this Redis, once. */
  private async checkPolicy(client: Redis): Promise<void> {
    if (this.isPolicyChecked) return;
    this.isPolicyChecked = true;
    const fault = await evictionFault(client);
    if (fault !== undefined) this.faults.misconfigured(fault);
  }

  /** Waits for the first connection, because BullMQ never gets over a connection that fails while it is being set up. */
  private async open(role: keyof typeof roles): Promise<Redis> {
    const client = new Redis(this.url, { ...roles[role], connectTimeout: 3_000, connectionName: `signet-${role}` });
    client.on('error', (error) => this.faults.report('redis', error));
    try {
      await new Promise<void>((resolve, reject) => {
        client.once('ready', resolve);
        client.once('error', reject);
        client.once('end', () => reject(new Error('the connection was closed')));
      });
      await this.checkPolicy(client);
      return hideEvictionPolicy(client);
    } catch (error) {
      client.disconnect();
      throw new QueueUnavailable(error);
    }
  }
}
