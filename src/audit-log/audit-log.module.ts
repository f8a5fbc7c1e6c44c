import { Module } from '@nestjs/common';
import { AuditLogController } from './audit-log.controller.js';
import { AuditLogExport } from './audit-log-export.service.js';
import { AuditLogRepository } from './audit-log.repository.js';
import { AuditLogService } from './audit-log.service.js';
import { AuditReadings } from './audit-readings.service.js';

/** Reading, exporting and verifying the audit log over HTTP. */
@Module({
  controllers: [AuditLogController],
  providers: [AuditLogExport, AuditLogRepository, AuditLogService, AuditReadings],
})
export class AuditLogModule {}
