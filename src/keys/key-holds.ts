import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, ListeningSession } from '../database/index.js';
import { keysChannel } from './signing-key.repository.js';

/** The keys that somebody holds, as advisory locks: two integers that mean a `kid`. */
const lockOf = (kid: string) => `hashtext('signet.keys.held'), hashtext(${kid})`;

/** Longest that a revocation waits for the other processes, in milliseconds. */
const releaseMs = 2_000;

/**
 * Says across processes which keys are shown: who shows a key holds a shared lock on it as long as its connection lasts, and
 * {@link released} waits until nobody does. The same connection listens for changes of the keys.
 *
 * A process that has lost its connection holds nothing and is not waited for; it follows by asking, once a second.
 */
@Injectable()
export class KeyHolds {
  private readonly logger = new Logger(KeyHolds.name);
  private held: ReadonlySet<string> = new Set();
  private session: ListeningSession | undefined;
  private connections = 0;

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** @param onChange called when the keys may have changed */
  async start(onChange: () => void): Promise<void> {
    this.session = new ListeningSession(this.dataSource, keysChannel, {
      notified: onChange,
      lost: () => {
        this.connections += 1;
        this.held = new Set();
      },
    });
    await this.session.open();
  }

  async stop(): Promise<void> {
    await this.session?.close();
  }

  /**
   * Holds `kids`, before they are shown.
   *
   * @returns whether the database is to be asked again: some were not held when it was asked, and may be revoked by now
   */
  async take(kids: readonly string[]): Promise<boolean> {
    const missing = kids.filter((kid) => !this.held.has(kid));
    if (missing.length === 0) return false;
    const connection = this.connections;
    // Where somebody waits for the release of a key, it has been revoked, and is not to be held.
    const taken = await this.ask<{ kid: string; taken: boolean }>(
      `SELECT kid, pg_try_advisory_lock_shared(${lockOf('kid')}) AS taken FROM unnest($1::text[]) AS kid`,
      missing,
    );
    if (taken === undefined || connection !== this.connections) return false;
    this.held = new Set([...this.held, ...taken.filter((row) => row.taken).map(({ kid }) => kid)]);
    return true;
  }

  /** Releases all but `kids`, once they are no longer shown. */
  async keep(kids: readonly string[]): Promise<void> {
    const shown = new Set(kids);
    const given = [...this.held].filter((kid) => !shown.has(kid));
    if (given.length === 0) return;
    this.held = new Set([...this.held].filter((kid) => shown.has(kid)));
    await this.ask(`SELECT pg_advisory_unlock_shared(${lockOf('kid')}) FROM unnest($1::text[]) AS kid`, given);
  }

  /** Waits until no process shows the key any more; gives up after two seconds, for the sake of one that hangs. */
  async released(kid: string): Promise<void> {
    try {
      await inTransaction(this.dataSource, async (tx) => {
        await tx.query(`SELECT set_config('lock_timeout', $1, true)`, [`${releaseMs}ms`]);
        await tx.query(`SELECT pg_advisory_xact_lock(${lockOf('$1')})`, [kid]);
      });
    } catch {
      this.logger.warn(`not every process has said that it no longer shows the key ${kid}`);
    }
  }

  /** `undefined`: there is no connection. */
  private async ask<Row extends object>(text: string, kids: readonly string[]): Promise<Row[] | undefined> {
    return this.session?.query<Row>(text, [kids]).catch(() => undefined);
  }
}
