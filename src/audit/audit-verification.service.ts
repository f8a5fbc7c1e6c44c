import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DatabaseConfig } from '../config/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { AuditChain, auditKeyPurpose } from './audit-chain.js';
import type { ChainVerdict, KnownLink } from './chain-verifier.js';
import { BadCheckpoint, checkpointKeyPurpose } from './checkpoint.js';
import { checkpointPath, lastCheckpoint } from './checkpoint-file.js';
import { TokenBatches } from './token-batches.js';
import { verifyDatabase } from './verify-database.js';

/** Verifies the audit log for those who ask over HTTP: one at a time, since it reads all of it. */
@Injectable()
export class AuditVerification {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<ChainVerdict> | undefined;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(AuditChain) private readonly chain: AuditChain,
    @Inject(TokenBatches) private readonly batches: TokenBatches,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(DatabaseConfig) private readonly database: DatabaseConfig,
  ) {}

  /**
   * Verifies the log as it is now, against its chain, the last checkpoint that this machine has kept, and the last link that
   * this process remembers. All who ask while one verification runs share the next.
   *
   * @throws DatabaseUnavailable
   */
  verify(): Promise<ChainVerdict> {
    this.next ??= this.running.then(() => {
      this.next = undefined;
      const verdict = this.verifyNow();
      this.running = verdict.catch(() => undefined);
      return verdict;
    });
    return this.next;
  }

  private async verifyNow(): Promise<ChainVerdict> {
    // Before anything is appended to what there is.
    const { seen } = this.chain;
    await this.batches.link();
    const known = [...(await this.signed()), ...(seen === undefined ? [] : [seen])];
    return verifyDatabase(this.dataSource, this.derivedKeys.derive(auditKeyPurpose), known);
  }

  private async signed(): Promise<KnownLink[]> {
    const key = this.derivedKeys.derive(checkpointKeyPurpose);
    try {
      const last = await lastCheckpoint(checkpointPath(this.database.dataDir), key);
      return last === undefined ? [] : [last];
    } catch (error) {
      // Of another database, perhaps: it says nothing about this one.
      if (error instanceof BadCheckpoint) return [];
      throw error;
    }
  }
}
