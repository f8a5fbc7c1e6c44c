export { AuditChain } from './audit-chain.js';
export { AuditChainEntity, AuditChainHeadEntity, TokenBatchEntity } from './audit-chain.entity.js';
export type { AuditAction, AuditEntry, AuditRefusal, AuditTargetType, RequestOrigin } from './audit-entry.js';
export { AuditLogEntity } from './audit-log.entity.js';
export { AuditPruning } from './audit-pruning.js';
export { makeAuditPartitions } from './audit-partitions.js';
export { AuditModule } from './audit.module.js';
export { Audit } from './audit.service.js';
export { AuditVerification } from './audit-verification.service.js';
export { canonicalJson } from './canonical-json.js';
export {
  type AuditKeys,
  auditKeys,
  BadExport,
  chainExportHeader,
  openChainExport,
  readChainLine,
} from './chain-export.js';
export { readChain } from './chain-reader.js';
export type { ChainLinkRecord } from './chain-record.js';
export { type ChainVerdict, ChainVerifier } from './chain-verifier.js';
export { BadCheckpoint, type Checkpoint } from './checkpoint.js';
export { readCheckpoints } from './checkpoint-file.js';
export { type IssuedTokenEntry, issuedTokensDigest } from './issued-tokens-digest.js';
export { entryColumns, type StoredEntry } from './stored-entry.js';
export { TokenBatches } from './token-batches.js';
export { verifyDatabase } from './verify-database.js';
