export type { AuditAction, AuditEntry, AuditRefusal, AuditTargetType, RequestOrigin } from './audit-entry.js';
export { AuditLogEntity } from './audit-log.entity.js';
export { AuditModule } from './audit.module.js';
export { Audit } from './audit.service.js';
