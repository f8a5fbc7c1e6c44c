import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { inTransaction } from '../database/index.js';
import { AuditChain } from './audit-chain.js';
import type { TokenBatch } from './chain-link.js';

const tryLock = `SELECT pg_try_advisory_xact_lock(hashtext('signet.audit'), hashtext('token_batches')) AS mine`;

/** Identifiers are of the time at which they were made, so the oldest come first. */
const takeBatches = `
  WITH taken AS (
    DELETE FROM token_batches WHERE id = ANY (ARRAY(SELECT id FROM token_batches ORDER BY id LIMIT $1::int))
    RETURNING id, entries, encode(digest, 'hex') AS digest
  )
  SELECT id, entries, digest FROM taken ORDER BY id`;

/** Most batches in one link. */
const batchesPerLink = 200;

/** Takes the batches of issued tokens that were committed into the chain, so that no token waits for its lock. */
@Injectable()
export class TokenBatches {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(AuditChain) private readonly chain: AuditChain,
  ) {}

  /**
   * Links every batch that waits. Where another process is at it, that is left to it.
   *
   * @throws DatabaseUnavailable
   */
  async link(): Promise<void> {
    let linked = batchesPerLink;
    while (linked === batchesPerLink) linked = await inTransaction(this.dataSource, (tx) => this.linkSome(tx));
  }

  private async linkSome(tx: EntityManager): Promise<number> {
    const [lock] = await tx.query<{ mine: boolean }[]>(tryLock);
    if (lock?.mine !== true) return 0;
    const batches = await tx.query<TokenBatch[]>(takeBatches, [batchesPerLink]);
    if (batches.length > 0) this.chain.append(tx, [{ kind: 'tokens', batches }]);
    return batches.length;
  }
}
