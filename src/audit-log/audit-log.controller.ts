import { Controller, Get, Inject, Query as QueryOf, StreamableFile } from '@nestjs/common';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import type { Page, Query } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { exportAuditLog, listAuditEntries, verifyAuditLog } from './audit-log.documentation.js';
import type { AuditEntryAnswer } from './audit-log.answer.js';
import { AuditLogExport } from './audit-log-export.service.js';
import { AuditLogService, type VerificationAnswer } from './audit-log.service.js';

/** The audit log, for operators (http-api.md "Admin"). Nothing here changes or deletes an entry. */
@Controller('admin/oauth/audit-logs')
@RequireScope('admin:oauth')
export class AuditLogController {
  constructor(
    @Inject(AuditLogService) private readonly log: AuditLogService,
    @Inject(AuditLogExport) private readonly exports: AuditLogExport,
  ) {}

  @Get()
  @Documented(listAuditEntries)
  list(@CurrentCaller() caller: Caller, @QueryOf() query: Query): Promise<Page<AuditEntryAnswer>> {
    return this.log.list(caller, query);
  }

  @Get('export')
  @Audited('audit.exported')
  @Documented(exportAuditLog)
  async export(@CurrentCaller() caller: Caller, @QueryOf() query: Query): Promise<StreamableFile> {
    const { contentType, fileName, content } = await this.exports.export(caller, query);
    return new StreamableFile(content, { type: contentType, disposition: `attachment; filename="${fileName}"` });
  }

  @Get('verify')
  @Documented(verifyAuditLog)
  verify(): Promise<VerificationAnswer> {
    return this.log.verify();
  }
}
