import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit } from '../audit/index.js';
import { Clock } from '../clock/index.js';
import { inTransaction } from '../database/index.js';
import { type AuditLogFilter, filterDetails, filterKey } from './audit-log-filter.js';
import { RecentReadings } from './recent-readings.js';

/** Readings that this process remembers. */
const remembered = 1_000;

/** Writes into the audit log who has read it (security.md U-13). */
@Injectable()
export class AuditReadings {
  private readonly recent = new RecentReadings(remembered);

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Adds `audit.read`, unless this process did so within ten minutes for the same client, address and filters; resolves once
   * it is durable.
   *
   * @throws DatabaseUnavailable when it cannot be written: nothing is shown then
   */
  async record({ clientId, origin }: Caller, filter: AuditLogFilter): Promise<void> {
    const reading = JSON.stringify([clientId, origin.ipAddress ?? null, filterKey(filter)]);
    await this.recent.once(reading, this.clock.now(), () =>
      inTransaction(this.dataSource, (tx) =>
        this.audit.record(tx, {
          action: 'audit.read',
          actorClientId: clientId,
          targetType: 'audit_log',
          origin,
          details: { ...filterDetails(filter) },
        }),
      ),
    );
  }
}
