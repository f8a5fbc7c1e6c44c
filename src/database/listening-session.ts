import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import type { DataSource } from 'typeorm';
import { asDatabaseError, DatabaseUnavailable } from './database-unavailable.js';

const reconnectMs = 1_000;
const channelPattern = /^[a-z][a-z0-9_]{0,62}$/;

/** What a {@link ListeningSession} tells. None of these may throw. */
export interface SessionEvents {
  /** Somebody notified the channel, or may have done so while there was no connection. */
  notified(): void;
  /** The connection is gone, and what PostgreSQL kept for it: the locks of the session. A new one is on its way. */
  lost(): void;
}

/**
 * One connection of its own that lasts, for what lives as long as a session: LISTEN, and locks of the session. A lost
 * connection is replaced by another one.
 */
export class ListeningSession {
  private readonly stopping = new AbortController();
  private client: Client | undefined;
  private reconnecting: Promise<void> | undefined;

  /** @param channel lower-case letters, digits and `_` */
  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
    private readonly events: SessionEvents,
  ) {
    if (!channelPattern.test(channel)) throw new RangeError('not the name of a channel');
  }

  /** Tries to connect; if that fails, goes on trying, and {@link SessionEvents.notified} tells when it has succeeded. */
  async open(): Promise<void> {
    await this.connect().catch(() => this.reconnect());
  }

  /**
   * Runs a statement in this session.
   *
   * @throws DatabaseUnavailable while there is no connection
   */
  async query<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    const { client } = this;
    if (client === undefined) throw new DatabaseUnavailable();
    try {
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      // One that does not answer is as good as lost; whatever was asked of it may still happen.
      this.drop(client);
      throw asDatabaseError(error);
    }
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.reconnecting;
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new Client({
      connectionString: urlOf(this.dataSource),
      connectionTimeoutMillis: 3_000,
      query_timeout: 3_000,
      keepAlive: true,
      application_name: 'signet-listen',
    });
    let ended = false;
    const drop = () => {
      ended = true;
      this.drop(client);
    };
    client.on('error', drop).on('end', drop);
    client.on('notification', () => this.events.notified());
    try {
      await client.connect();
      await client.query(`LISTEN ${this.channel}`);
      this.stopping.signal.throwIfAborted();
      if (ended) throw new DatabaseUnavailable();
      this.client = client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  private drop(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    void client.end().catch(() => undefined);
    this.events.lost();
    this.reconnect();
  }

  private reconnect(): void {
    const { signal } = this.stopping;
    this.reconnecting ??= (async () => {
      while (!signal.aborted && this.client === undefined) {
        await sleep(reconnectMs, undefined, { signal, ref: false }).catch(() => undefined);
        if (!signal.aborted) await this.connect().catch(() => undefined);
      }
      this.reconnecting = undefined;
      if (!signal.aborted) this.events.notified();
    })();
  }
}

function urlOf({ options }: DataSource): string {
  if (options.type !== 'postgres' || options.url === undefined) throw new Error('the data source has no URL');
  return options.url;
}
