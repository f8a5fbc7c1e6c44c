import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Audit } from '../../audit/index.js';
import { inTransaction, isUniqueViolation, unhurried } from '../../database/index.js';
import type { DerivedKeys } from '../../encryption/index.js';
import type { Outbox } from '../../outbox/index.js';
import { ClientJournal } from '../client-journal.js';
import { generateClientSecret, pepperPurpose, secretRandomLength } from '../client-secret.js';
import { ClientRepository } from '../client.repository.js';
import { type ClientSettings, defaultSettings, isClientId } from '../client.js';
import { ClientIdTaken } from '../clients.errors.js';
import type { BootstrapCredentials } from './credentials-file.js';

const administrator: ClientSettings = {
  ...defaultSettings,
  clientName: 'Recovery administrator',
  description: 'Made on the command line, by somebody who has the database and its key-encryption key',
  scope: ['admin:full'],
};

/** What making an administrator needs of the server; the database must be migrated. */
export interface AdministratorParts {
  readonly dataSource: DataSource;
  readonly audit: Audit;
  readonly outbox: Outbox;
  readonly derivedKeys: DerivedKeys;
}

/** Whether `text` may be the identifier of a new administrator. */
export const isAdministratorId = isClientId;

/**
 * Makes another client with `admin:full`, for when nobody can log in any more; the others stay as they are. In the audit log it
 * is a `client.created` without an actor, and a `bootstrap.completed`.
 *
 * @param keep keeps the credentials, before the client exists
 * @throws ClientIdTaken
 * @throws DatabaseUnavailable
 */
export async function makeAdministrator(
  { dataSource, audit, outbox, derivedKeys }: AdministratorParts,
  clientId: string,
  keep: (credentials: BootstrapCredentials) => Promise<void>,
): Promise<void> {
  const clients = new ClientRepository();
  const secret = generateClientSecret(derivedKeys.derive(pepperPurpose), randomBytes(secretRandomLength));
  try {
    await inTransaction(
      dataSource,
      async (tx) => {
        await clients.insert(tx, clientId, administrator);
        await clients.insertSecret(tx, clientId, secret);
        const change = { action: 'client.created', clientId, epoch: '0' } as const;
        await new ClientJournal(audit, outbox).record(tx, undefined, change, { scope: administrator.scope });
        await audit.record(tx, {
          action: 'bootstrap.completed',
          targetType: 'client',
          targetId: clientId,
          details: { origin: 'new_admin' },
        });
        await keep({ client_id: clientId, client_secret: secret.secret });
      },
      unhurried,
    );
  } catch (error) {
    throw isUniqueViolation(error, 'clients_pkey') ? new ClientIdTaken() : error;
  }
}
