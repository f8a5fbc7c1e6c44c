import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import {
  Audit,
  AuditChain,
  canonicalJson,
  type IssuedTokenEntry,
  issuedTokensDigest,
  makeAuditPartitions,
  TokenBatches,
} from '../../src/audit/index.js';
import { inTransaction } from '../../src/database/index.js';
import { uuidV7 } from '../../src/protocol/index.js';
import type { TestServer } from './server.js';

const details = { grant_type: 'client_credentials', scope: 'read:profile', aud: ['https://api.a'] };

/** Writes entries of the past into the log of a server, as the server would have then. */
export class OldEntries {
  private readonly dataSource: DataSource;
  private readonly chain: AuditChain;

  constructor(private readonly server: TestServer) {
    const { app } = server.running;
    this.dataSource = app.get(DataSource, { strict: false });
    this.chain = app.get(AuditChain, { strict: false });
  }

  /** Entries with a link each. */
  async write(at: Date, count: number): Promise<void> {
    await makeAuditPartitions(this.dataSource, at);
    const audit = new Audit({ now: () => at.getTime() }, this.dataSource, this.chain);
    for (let index = 0; index < count; index += 1) {
      await inTransaction(this.dataSource, (tx) =>
        audit.record(tx, { action: 'client.updated', targetType: 'client', targetId: `client-${index}` }),
      );
    }
  }

  /** Issued tokens of one batch: one at each of `times`, the first of which the identifier is made of. */
  async issue(times: readonly Date[]): Promise<string> {
    const uuid = (at: Date) => uuidV7(at.getTime(), randomBytes(10));
    const batch = uuid(times[0] as Date);
    const entries = times.map((at): IssuedTokenEntry => {
      const origin = { ipAddress: '10.0.0.1', userAgent: 'a', requestId: undefined };
      const issuedAt = Math.floor(at.getTime() / 1000);
      return { id: uuid(at), issuedAt, actorClientId: 'a', ...origin, details: canonicalJson(details) };
    });
    for (const at of times) await makeAuditPartitions(this.dataSource, at);
    for (const { id, issuedAt, actorClientId, ipAddress, userAgent } of entries) {
      await this.dataSource.query(
        `INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, target_type, target_id, ip_address,
           user_agent, details, batch_id)
         VALUES ($1::uuid, to_timestamp($2), 'token.issued', true, $3, 'token', $1::uuid::text, $4, $5, $6, $7)`,
        [id, issuedAt, actorClientId, ipAddress, userAgent, details, batch],
      );
    }
    await this.dataSource.query('INSERT INTO token_batches (id, entries, digest) VALUES ($1, $2, $3)', [
      batch,
      entries.length,
      issuedTokensDigest(entries),
    ]);
    await this.server.running.app.get(TokenBatches, { strict: false }).link();
    return batch;
  }
}
