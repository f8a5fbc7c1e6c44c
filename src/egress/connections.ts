import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { EgressError } from './egress-error.js';
import { type ConnectorOptions, guardedConnector } from './guarded-connector.js';
import type { CheckedTarget } from './target-guard.js';

/** What a connection without a request waits for the next one, whatever the peer offers. */
const idleMs = 1_500;

/** How long a connection is used again; then the next request makes a new one. */
const lifetimeMs = 30_000;

const maxHeaderBytes = 16 * 1024;

/** What requests in flight get when the process ends. */
const graceMs = 3_000;

interface Entry {
  readonly pool: Pool;
  active: number;
}

/**
 * The open connections, by origin and by the addresses that were checked: a request that is checked anew finds only
 * connections to the addresses that it may go to. A pool lives no longer than its connections.
 */
export class Connections {
  private readonly pools = new Map<string, Entry>();
  private closed = false;

  constructor(private readonly options: ConnectorOptions = {}) {}

  /**
   * Runs `work` on the connections to a target.
   *
   * @throws EgressError `refused` once the process is ending
   */
  async use<T>(target: CheckedTarget, work: (pool: Pool) => Promise<T>): Promise<T> {
    if (this.closed) throw new EgressError('refused', new Error('the server is stopping'));
    const key = [target.url.origin, ...target.addresses.toSorted()].join(' ');
    const entry = this.pools.get(key) ?? this.open(key, target);
    entry.active += 1;
    try {
      return await work(entry.pool);
    } finally {
      entry.active -= 1;
      this.dropIfUnused(key, entry);
    }
  }

  /** Lets requests in flight end, for a moment, and closes every connection. */
  async close(): Promise<void> {
    this.closed = true;
    const pools = [...this.pools.values()].map(({ pool }) => pool);
    this.pools.clear();
    if (pools.length === 0) return;
    const giveUp = new AbortController();
    const grace = sleep(graceMs, undefined, { signal: giveUp.signal }).catch(() => undefined);
    await Promise.race([Promise.all(pools.map((pool) => pool.close())), grace]);
    giveUp.abort();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  private open(key: string, target: CheckedTarget): Entry {
    const pool = new Pool(target.url.origin, {
      connect: guardedConnector(target, this.options),
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      clientTtl: lifetimeMs,
      maxHeaderSize: maxHeaderBytes,
      pipelining: 1,
    });
    const entry: Entry = { pool, active: 0 };
    pool.on('disconnect', () => this.dropIfUnused(key, entry));
    this.pools.set(key, entry);
    return entry;
  }

  private dropIfUnused(key: string, entry: Entry): void {
    if (entry.active > 0 || entry.pool.stats.connected > 0 || this.pools.get(key) !== entry) return;
    this.pools.delete(key);
    void entry.pool.destroy();
  }
}
