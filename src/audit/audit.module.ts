import { Global, Module } from '@nestjs/common';
import { AuditChain } from './audit-chain.js';
import { AuditIndexes } from './audit-indexes.js';
import { AuditPartitions } from './audit-partitions.js';
import { AuditRetention } from './audit-retention.service.js';
import { AuditVerification } from './audit-verification.service.js';
import { Audit } from './audit.service.js';
import { ChainTender } from './chain-tender.js';
import { TokenBatches } from './token-batches.js';

/** The audit log, for every module that changes or refuses something. */
@Global()
@Module({
  providers: [
    Audit,
    AuditChain,
    AuditIndexes,
    AuditPartitions,
    AuditRetention,
    AuditVerification,
    ChainTender,
    TokenBatches,
  ],
  exports: [Audit, AuditVerification, TokenBatches],
})
export class AuditModule {}
