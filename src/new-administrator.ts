import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import type { DataSource } from 'typeorm';
import { Audit, AuditChain } from './audit/index.js';
import { CommandFailure, type NewAdministratorOptions, PrivateFile } from './cli/index.js';
import {
  ClientEntity,
  ClientIdTaken,
  ClientSecretEntity,
  isAdministratorId,
  makeAdministrator,
} from './clients/index.js';
import { SystemClock } from './clock/index.js';
import { runCommand, say, type Surroundings } from './command.js';
import type { Config } from './config/index.js';
import { connect, createDataSource, ensurePartitions } from './database/index.js';
import { DataKeyEntity, openDerivedKeys } from './encryption/index.js';
import { Outbox, OutboxSignal } from './outbox/index.js';

/**
 * `signet bootstrap --new-admin`: makes another client with `admin:full`, beside a running server or without one, and writes its
 * credentials to a file. Whoever has the configuration of the server has that power anyway; here it is audited.
 *
 * @throws CommandFailure when the identifier is not free, or the file cannot be written; nothing is made then
 */
export async function newAdministrator(options: NewAdministratorOptions): Promise<void> {
  const clientId = options.clientId ?? `admin-${randomBytes(4).toString('hex')}`;
  if (!isAdministratorId(clientId)) {
    throw new CommandFailure(2, ['--client-id: must be 3 to 64 characters of A-Z a-z 0-9 . _ -']);
  }
  let failure: CommandFailure | undefined;
  await runCommand(async (surroundings) => {
    const { dataDir } = surroundings.config.database;
    const path = options.secretFile ?? join(dataDir, `client-${clientId}.json`);
    try {
      await make(surroundings, clientId, path);
      tell(clientId, path, options.json);
    } catch (error) {
      failure = asFailure(error);
      if (failure === undefined) throw error;
    }
    await surroundings.embedded?.stop();
  });
  if (failure !== undefined) throw failure;
}

async function make({ config, postgresUrl }: Surroundings, clientId: string, path: string): Promise<void> {
  const dataSource = createDataSource(postgresUrl, [ClientEntity, ClientSecretEntity, DataKeyEntity]);
  await connect(dataSource, () => say('waiting for the database'));
  let file: PrivateFile | undefined;
  try {
    if (await dataSource.showMigrations()) {
      throw new CommandFailure(1, ['the database lacks migrations: run signet migrate, or start the server, first']);
    }
    // No server may have run this month.
    await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 0);
    await makeAdministrator(await partsOf(config, dataSource), clientId, async (credentials) => {
      file = await PrivateFile.create(path);
      await file.writeJson(credentials);
    });
  } catch (error) {
    await file?.discard();
    throw error;
  } finally {
    await dataSource.destroy();
  }
}

async function partsOf({ keys, database, server }: Config, dataSource: DataSource) {
  const clock = new SystemClock();
  const derivedKeys = await openDerivedKeys(keys, database.dataDir, dataSource);
  const audit = new Audit(clock, dataSource, new AuditChain(derivedKeys));
  return { dataSource, audit, outbox: new Outbox(server, clock, new OutboxSignal()), derivedKeys };
}

function asFailure(error: unknown): CommandFailure | undefined {
  if (error instanceof CommandFailure) return error;
  return error instanceof ClientIdTaken ? new CommandFailure(1, [`--client-id: ${error.detail}`]) : undefined;
}

function tell(clientId: string, path: string, isJson: boolean): void {
  const shown = path.startsWith(`${process.cwd()}/`) ? relative(process.cwd(), path) : path;
  const lines = isJson
    ? [JSON.stringify({ client_id: clientId, credentials_file: shown }, null, 2)]
    : [
        `The client ${clientId} may do everything (admin:full); its credentials are in ${shown}`,
        `Try it: signet --credentials ${shown} clients list`,
      ];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
