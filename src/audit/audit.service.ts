import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../clock/index.js';
import { Batches, DatabaseUnavailable, GroupCommit, inTransaction } from '../database/index.js';
import { newUuid } from '../identifiers/index.js';
import { networkOf, TokenBuckets } from '../limits/index.js';
import { withoutSecrets } from '../protocol/index.js';
import { AuditChain } from './audit-chain.js';
import type { AuditEntry, AuditRefusal } from './audit-entry.js';
import { type CountedRefusals, RefusalFlood } from './refusal-flood.js';
import { entryColumns, entryOf, type StoredEntry } from './stored-entry.js';

const insertEntries = `
  INSERT INTO audit_log AS a (id, occurred_at, action, success, actor_client_id, target_type, target_id, ip_address,
    user_agent, request_id, details, error)
  SELECT e.id, to_timestamp(e.at / 1000.0), e.action, e.success, e.actor, e.target_type, e.target_id, e.ip, e.ua, e.request_id,
    e.details, e.error
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::inet[], $9::text[],
    $10::text[], $11::jsonb[], $12::text[])
    AS e (id, at, action, success, actor, target_type, target_id, ip, ua, request_id, details, error)
  RETURNING ${entryColumns('a')}`;

type Row = readonly unknown[];

/** Refusals per minute and network that get an entry each; what comes on top is counted (security.md U-11). */
const refusalsPerMinute = 5_000;

/** Milliseconds between two summaries of what was counted. */
const summaryMs = 10_000;

/** Longest text that an entry keeps of anything a stranger can choose (ASVS 16.4.1). */
const maxTextLength = 256;

/**
 * Writes the audit log: a success in the transaction of the change, so that neither exists without the other; a refusal on
 * its own, together with the refusals of the same moment. Each is linked into the chain in the same transaction.
 */
@Injectable()
export class Audit implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('audit');
  private readonly refusals: GroupCommit<Row, undefined>;
  private readonly written = new TokenBuckets(10_000);
  private readonly flood = new RefusalFlood();
  private summaries = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(DataSource) dataSource: DataSource,
    @Inject(AuditChain) private readonly chain: AuditChain,
    @Inject(Batches) batches?: Batches,
  ) {
    this.refusals = new GroupCommit({
      maxBatch: 256,
      maxQueued: 10_000,
      measures: batches?.of('refusals'),
      commit: async (rows) => {
        await inTransaction(dataSource, (tx) => this.insert(tx, rows));
        return rows.map(() => undefined);
      },
    });
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.summarise(), summaryMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.summarise();
  }

  /**
   * Adds the entry of a change that succeeds when `tx` commits; if the entry cannot be written and linked, it does not.
   *
   * @param tx begun by `inTransaction`
   */
  async record(tx: EntityManager, entry: AuditEntry): Promise<void> {
    await this.insert(tx, [this.row(entry, true, null)]);
  }

  /**
   * Adds the entry of a refused request; resolves once it is durable. Of a network that is refused too often, the refusals are
   * counted instead.
   *
   * @throws DatabaseUnavailable when it cannot be written
   */
  async recordRefusal(refusal: AuditRefusal): Promise<void> {
    const network = networkOf(refusal.origin?.ipAddress);
    if (this.written.take(network, refusalsPerMinute, this.clock.now()) > 0) this.countRefusal(refusal);
    else await this.write(refusal);
  }

  /** Counts a refused request: the refusals of ten seconds that are alike get one entry together. */
  countRefusal(refusal: AuditRefusal): void {
    this.flood.count(refusal);
  }

  /** As {@link recordRefusal}; while the database is away the refusal is counted, and written as one of a sum when it is back. */
  async recordRefusalOrCount(refusal: AuditRefusal): Promise<void> {
    try {
      await this.recordRefusal(refusal);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      this.countRefusal(refusal);
    }
  }

  /** After the summary before: whoever waits for this one, waits for what that is still writing. */
  private summarise(): Promise<void> {
    this.summaries = this.summariseAfter(this.summaries);
    return this.summaries;
  }

  private async summariseAfter(before: Promise<void>): Promise<void> {
    await before;
    await Promise.all(this.flood.drain().map((counted) => this.writeCounted(counted)));
  }

  private async writeCounted({ refusal, count }: CountedRefusals): Promise<void> {
    try {
      await this.write({ ...refusal, details: { aggregated: true, count } });
    } catch (error) {
      this.flood.count(refusal, count);
      const reason = error instanceof Error ? error.message : 'unknown';
      this.logger.warn(`refusals that were counted are kept until they can be written: ${reason}`);
    }
  }

  private async write(refusal: AuditRefusal): Promise<void> {
    await this.refusals.add(this.row(refusal, false, refusal.error));
  }

  private async insert(tx: EntityManager, rows: readonly Row[]): Promise<void> {
    const stored = await tx.query<StoredEntry[]>(insertEntries, columns(rows));
    this.chain.append(
      tx,
      stored.map((row) => ({ kind: 'entry', entry: entryOf(row) })),
    );
  }

  private row(entry: AuditEntry, success: boolean, error: string | null): Row {
    const now = this.clock.now();
    return [
      newUuid(now),
      now,
      entry.action,
      success,
      text(entry.actorClientId),
      entry.targetType ?? null,
      text(entry.targetId),
      entry.origin?.ipAddress ?? null,
      text(entry.origin?.userAgent),
      text(entry.origin?.requestId),
      entry.details === undefined ? null : json(entry.details),
      error === null ? null : text(error),
    ];
  }
}

/** PostgreSQL text holds no NUL; what a stranger sends may, and a secret in a place where it does not belong. */
function text(value: string | undefined): string | null {
  if (value === undefined) return null;
  return withoutSecrets(value).slice(0, maxTextLength).replaceAll('\0', '\ufffd').toWellFormed();
}

/** Nor does its JSON hold one, or half a surrogate pair. */
function json(details: Readonly<Record<string, unknown>>): string {
  const wellFormed = (_: string, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value);
  return withoutSecrets(JSON.stringify(details, wellFormed)).replaceAll(String.raw`\u0000`, String.raw`\ufffd`);
}

function columns(rows: readonly Row[]): unknown[] {
  return Array.from({ length: 12 }, (_, column) => rows.map((row) => row[column]));
}
