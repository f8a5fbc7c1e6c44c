import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { AuditConfig, DatabaseConfig } from '../config/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { ScheduledJobs } from '../queue/index.js';
import { AuditChain } from './audit-chain.js';
import { AuditPruning } from './audit-pruning.js';
import { Audit } from './audit.service.js';
import { auditKeys } from './chain-export.js';
import { NotPrunable } from './pruning-survey.js';
import { TokenBatches } from './token-batches.js';

/** Has the audit log pruned once a day, where the configuration says how long it is kept. */
@Injectable()
export class AuditRetention implements OnModuleInit {
  private readonly logger = new Logger('audit');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(AuditChain) private readonly chain: AuditChain,
    @Inject(TokenBatches) private readonly batches: TokenBatches,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(DatabaseConfig) private readonly database: DatabaseConfig,
    @Inject(AuditConfig) private readonly config: AuditConfig,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    if (this.config.retentionDays === 0) return;
    this.jobs.register({ name: 'audit-retention', everySeconds: 86_400, run: () => this.run() });
  }

  /**
   * Prunes what is due. Where that is for another role to do, or the log is not intact, it stays, and the log of the server says
   * so.
   *
   * @throws Error of PostgreSQL: to be tried again
   */
  async run(): Promise<void> {
    const { dataSource, audit, chain, batches } = this;
    const pruning = new AuditPruning({
      dataSource,
      audit,
      chain,
      batches,
      keys: auditKeys(this.derivedKeys),
      dataDir: this.database.dataDir,
      now: () => this.clock.now(),
      say: (line) => this.logger.log(line),
    });
    try {
      const { foreign } = await pruning.prune(this.config.retentionDays);
      if (foreign.length === 0) return;
      this.logger.warn('the audit log is to be pruned: its owner has to run `npm run audit:prune` (docs/audit.md)');
    } catch (error) {
      if (!(error instanceof NotPrunable)) throw error;
      this.logger.error(`the audit log is not pruned: ${error.message}`);
    }
  }
}
