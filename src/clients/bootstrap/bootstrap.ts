import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../../audit/index.js';
import { BootstrapConfig, DatabaseConfig } from '../../config/index.js';
import { inTransaction, unhurried } from '../../database/index.js';
import { DerivedKeys } from '../../encryption/index.js';
import { BootstrapEntity } from '../bootstrap.entity.js';
import { ClientJournal } from '../client-journal.js';
import {
  chosenClientSecret,
  generateClientSecret,
  type NewClientSecret,
  pepperPurpose,
  secretRandomLength,
} from '../client-secret.js';
import { ClientRepository } from '../client.repository.js';
import { type ClientSettings, defaultSettings } from '../client.js';
import { readCredentialsFile, writeCredentialsFile } from './credentials-file.js';

/** What became of the first admin client. */
export type BootstrapOutcome =
  /** It was made now, with a secret of our own that stands in the file. */
  | { readonly kind: 'generated'; readonly clientId: string; readonly path: string }
  /** It was made at an earlier start, and nobody has used it yet; its secret is still the one in the file. */
  | { readonly kind: 'unused'; readonly clientId: string; readonly path: string }
  /** It was made now, from the environment. */
  | { readonly kind: 'environment'; readonly clientId: string }
  /** It was made at an earlier start or by another process, or there are clients without it; nothing was made now. */
  | { readonly kind: 'done' };

const generatedClientId = 'admin';

const administrator: ClientSettings = {
  ...defaultSettings,
  clientName: 'Bootstrap administrator',
  description: 'Made at the first start of this server',
  scope: ['admin:full'],
};

/** Makes the first admin client, once in the life of a database (security.md D13). */
@Injectable()
export class Bootstrap {
  private readonly logger = new Logger('bootstrap');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ClientJournal) private readonly journal: ClientJournal,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(BootstrapConfig) private readonly config: BootstrapConfig,
    @Inject(DatabaseConfig) private readonly database: DatabaseConfig,
  ) {}

  /**
   * To be called at each start, after the migrations; of any number of processes one does the work.
   *
   * @throws DatabaseUnavailable
   * @throws NodeJS.ErrnoException when the credentials cannot be written; then no client is made
   */
  async run(): Promise<BootstrapOutcome> {
    return inTransaction(
      this.dataSource,
      async (tx) => {
        await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.bootstrap'))`);
        const [marker] = await tx.find(BootstrapEntity, { take: 1 });
        const { clientId, clientSecret } = this.config;
        if (marker !== undefined || (await this.clients.anyExists(tx))) {
          if (clientId !== undefined) await this.warnOfNoEffect(tx, clientId, marker?.clientId);
          return (await this.unused(tx, marker?.clientId)) ?? { kind: 'done' };
        }
        return clientId === undefined || clientSecret === undefined
          ? this.generate(tx)
          : this.adopt(tx, clientId, clientSecret.reveal());
      },
      unhurried,
    );
  }

  /** The start that made it may have failed after that, before anybody was told where the credentials are. */
  private async unused(tx: EntityManager, made: string | undefined): Promise<BootstrapOutcome | undefined> {
    const file = made === undefined ? undefined : await readCredentialsFile(this.database.dataDir);
    if (file === undefined || file.credentials.client_id !== made) return undefined;
    const client = await this.clients.find(tx, made);
    const [secret, another] = client?.secrets ?? [];
    const isUnused = client?.status === 'active' && client.lastUsedAt === null && another === undefined;
    const isInFile = secret !== undefined && file.credentials.client_secret.endsWith(secret.hint);
    return isUnused && isInFile ? { kind: 'unused', clientId: made, path: file.path } : undefined;
  }

  /** An operator who names a client that is not (or no longer) what the environment says should know (security.md C-15). */
  private async warnOfNoEffect(tx: EntityManager, configured: string, made: string | undefined): Promise<void> {
    if (configured !== made) {
      this.logger.warn(`BOOTSTRAP_CLIENT_ID has no effect: the first admin client has been made already`);
      return;
    }
    const status = (await this.clients.find(tx, made))?.status ?? 'deleted';
    if (status !== 'active') this.logger.warn(`the client that BOOTSTRAP_CLIENT_ID names was ${status}, and stays so`);
  }

  private async adopt(tx: EntityManager, clientId: string, chosen: string): Promise<BootstrapOutcome> {
    const secret = chosenClientSecret(this.pepper, chosen, randomBytes(secretRandomLength));
    await this.insert(tx, clientId, secret, 'environment');
    return { kind: 'environment', clientId };
  }

  private async generate(tx: EntityManager): Promise<BootstrapOutcome> {
    const clientId = generatedClientId;
    const secret = generateClientSecret(this.pepper, randomBytes(secretRandomLength));
    await this.insert(tx, clientId, secret, 'generated');
    // Before the commit: a crash in between leaves a file without a client, which the next start replaces, and never the
    // only administrator without its secret.
    const path = await writeCredentialsFile(this.database.dataDir, {
      client_id: clientId,
      client_secret: secret.secret,
    });
    return { kind: 'generated', clientId, path };
  }

  private async insert(tx: EntityManager, clientId: string, secret: NewClientSecret, origin: string): Promise<void> {
    await this.clients.insert(tx, clientId, administrator);
    await this.clients.insertSecret(tx, clientId, secret);
    await tx.insert(BootstrapEntity, { clientId });
    const target = { targetType: 'client', targetId: clientId } as const;
    await this.journal.record(
      tx,
      undefined,
      { action: 'client.created', clientId, epoch: '0' },
      { scope: administrator.scope },
    );
    await this.audit.record(tx, { action: 'bootstrap.completed', ...target, details: { origin } });
  }

  private get pepper(): Buffer {
    return this.derivedKeys.derive(pepperPurpose);
  }
}
