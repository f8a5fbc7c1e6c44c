import { Module } from '@nestjs/common';
import { AuditLogController } from './audit-log.controller.js';
import { AuditLogExport } from './audit-log-export.service.js';
import { AuditLogRepository } from './audit-log.repository.js';
import { AuditLogService } from './audit-log.service.js';

/** Reading, exporting and verifying the audit log over HTTP. */
@Module({
  controllers: [AuditLogController],
  providers: [AuditLogExport, AuditLogRepository, AuditLogService],
})
export class AuditLogModule {}
