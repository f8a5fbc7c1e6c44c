export { answerWithinMs } from './answer-time.js';
export {
  asDatabaseError,
  DatabaseUnavailable,
  isDatabaseFault,
  isDatabaseUnavailable,
  isDataFault,
  isUniqueViolation,
} from './database-unavailable.js';
export { Batches } from './batch-measures.js';
export { createDataSource } from './data-source.js';
export { type CursorPosition, decodeCursor, encodeCursor } from './cursor.js';
export { DatabaseModule } from './database.module.js';
export { migrate } from './migrate.js';
export { dropPartitionsBefore, ensurePartitions, partitionAt, type PartitionSpan } from './partitions.js';
export { Postgres, type PreparedStatement } from './postgres.js';
export { afterCommit, beforeCommit, inTransaction, unhurried } from './transaction.js';
export { GroupCommit, type GroupCommitOptions } from './group-commit.js';
export { connect } from './connect.js';
export { connectionShare, serverConnections } from './connection-share.js';
export { ListeningSession, type SessionEvents } from './listening-session.js';
