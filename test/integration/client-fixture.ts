import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import type { Caller } from '../../src/access/index.js';
import { fullDataSource } from '../../src/app.setup.js';
import { Audit, AuditChain } from '../../src/audit/index.js';
import { ClientJournal } from '../../src/clients/client-journal.js';
import { ClientListingService } from '../../src/clients/client-listing.service.js';
import { ClientLock } from '../../src/clients/client-lock.js';
import { ClientSecretsService } from '../../src/clients/client-secrets.service.js';
import { ClientRepository } from '../../src/clients/client.repository.js';
import { CreateClientBody } from '../../src/clients/clients.dto.js';
import { ClientsService } from '../../src/clients/clients.service.js';
import { Bootstrap, ClientUsage } from '../../src/clients/index.js';
import { Clock, SystemClock } from '../../src/clock/index.js';
import { BootstrapConfig, Secret, type ServerConfig } from '../../src/config/index.js';
import { ensurePartitions, Postgres } from '../../src/database/index.js';
import { Connections } from '../../src/egress/connections.js';
import { Egress } from '../../src/egress/index.js';
import { SystemResolver } from '../../src/egress/resolver.js';
import { TargetGuard } from '../../src/egress/target-guard.js';
import { targetPolicy } from '../../src/egress/target.js';
import { DerivedKeys } from '../../src/encryption/index.js';
import { Outbox, OutboxSignal } from '../../src/outbox/index.js';
import { ScopeRegistry, ScopesService } from '../../src/scopes/index.js';
import { ScopeRepository } from '../../src/scopes/scope.repository.js';

/** The use cases on clients and scopes as one process has them, on a database that it may share with others. */
export interface ClientProcess {
  readonly dataSource: DataSource;
  readonly postgres: Postgres;
  readonly clients: ClientsService;
  readonly secrets: ClientSecretsService;
  readonly listing: ClientListingService;
  readonly scopes: ScopesService;
  readonly registry: ScopeRegistry;
  readonly usage: ClientUsage;
  bootstrap(dataDir: string, environment?: { clientId: string; clientSecret: string }): Bootstrap;
  close(): Promise<void>;
}

/** A caller who may do everything. */
export const administrator: Caller = {
  clientId: 'admin',
  scopes: ['admin:full'],
  jti: '0',
  expiresAt: 0,
  origin: { ipAddress: '127.0.0.1', userAgent: 'test', requestId: 'test' },
};

/** A registration with nothing but what the test is about. */
export function registration(members: Partial<CreateClientBody> = {}): CreateClientBody {
  return Object.assign(new CreateClientBody(), { client_name: 'Billing', ...members });
}

/** Connects to a migrated database. */
export async function openProcess(url: string, clock: Clock = new SystemClock()): Promise<ClientProcess> {
  const dataSource = await fullDataSource(url).initialize();
  await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 1);
  const postgres = new Postgres(url, { max: 4, onError: () => undefined });
  const keys = new DerivedKeys(Buffer.alloc(32, 7));
  const audit = new Audit(new SystemClock(), dataSource, new AuditChain(keys));
  const repository = new ClientRepository();
  const server = { issuer: 'https://signet.example' } as ServerConfig;
  const lock = new ClientLock(repository, server);
  const registry = new ScopeRegistry(postgres);
  const scopes = new ScopesService(dataSource, new ScopeRepository(), registry, repository, audit, keys);
  const usage = new ClientUsage(postgres, clock);
  const journal = new ClientJournal(audit, new Outbox(server, clock, new OutboxSignal()));
  const policy = targetPolicy([], []);
  const egress = new Egress(policy, new TargetGuard(policy, new SystemResolver()), new Connections());
  return {
    dataSource,
    postgres,
    scopes,
    usage,
    clients: new ClientsService(dataSource, repository, lock, scopes, journal, keys, egress),
    secrets: new ClientSecretsService(dataSource, repository, lock, journal, keys),
    listing: new ClientListingService(dataSource, repository, usage, keys),
    registry,
    bootstrap: (dataDir, environment) => {
      const config: BootstrapConfig = {
        clientId: environment?.clientId,
        clientSecret: environment === undefined ? undefined : new Secret(environment.clientSecret),
      };
      return new Bootstrap(dataSource, repository, journal, audit, keys, config, { url: undefined, dataDir });
    },
    close: async () => void (await Promise.all([postgres.close(), dataSource.destroy()])),
  };
}
