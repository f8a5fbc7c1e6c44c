import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../access/index.js';
import { AuditVerification } from '../audit/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, readListQuery } from '../http/index.js';
import { type AuditEntryAnswer, auditEntryAnswer, positionOf } from './audit-log.answer.js';
import { filterKey, readAuditLogFilter } from './audit-log-filter.js';
import { AuditLogRepository } from './audit-log.repository.js';
import { AuditReadings } from './audit-readings.service.js';

/** What a verification of the audit log answers. */
export interface VerificationAnswer {
  readonly intact: boolean;
  /** Entries that the chain proves: all of them, or those before the first break. */
  readonly entries: number;
  /** Entries that retention has removed, accounted for in the chain; absent where there are none. */
  readonly pruned?: number;
  /** The first break: the link in the chain, and the entry where it is known. */
  readonly broken_at?: { readonly seq: number | null; readonly id: string | null; readonly reason: string };
}

/** The use cases that read the audit log. */
@Injectable()
export class AuditLogService {
  constructor(
    @Inject(AuditLogRepository) private readonly entries: AuditLogRepository,
    @Inject(AuditVerification) private readonly verification: AuditVerification,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(AuditReadings) private readonly readings: AuditReadings,
  ) {}

  /**
   * The entries that the filters select, newest first. That they were read is an entry itself, written once they are and before
   * they are shown.
   *
   * @throws Problem 400 for a bad `limit`, `cursor` or filter
   * @throws DatabaseUnavailable
   */
  async list(caller: Caller, query: Query): Promise<Page<AuditEntryAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = readAuditLogFilter(query);
    const seal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['audit-logs', filterKey(filter)] };
    const found = await this.entries.page(filter, limit + 1, openCursor(seal, cursor));
    await this.readings.record(caller, filter);
    return pageOf(found, limit, seal, positionOf, auditEntryAnswer);
  }

  /**
   * Whether the log is what it was when it was written.
   *
   * @throws DatabaseUnavailable
   */
  async verify(): Promise<VerificationAnswer> {
    const { intact, entries, pruned, broken } = await this.verification.verify();
    const counts = { entries, ...(pruned > 0 && { pruned }) };
    if (broken === undefined) return { intact, ...counts };
    return { intact, ...counts, broken_at: { seq: broken.seq, id: broken.id, reason: broken.reason } };
  }
}
