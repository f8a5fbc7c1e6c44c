import { Global, Module } from '@nestjs/common';
import { AuditPartitions } from './audit-partitions.js';
import { Audit } from './audit.service.js';

/** The audit log, for every module that changes or refuses something. */
@Global()
@Module({ providers: [Audit, AuditPartitions], exports: [Audit] })
export class AuditModule {}
