import { Global, Module } from '@nestjs/common';
import { ScopeHolders, ScopesModule } from '../scopes/index.js';
import { Bootstrap } from './bootstrap/bootstrap.js';
import { ClientJournal } from './client-journal.js';
import { ClientListingService } from './client-listing.service.js';
import { ClientLock } from './client-lock.js';
import { ClientSecretsService } from './client-secrets.service.js';
import { ClientUsage } from './client-usage.js';
import { ClientRepository } from './client.repository.js';
import { ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';

/** Registered clients. Global for one thing only: the scope registry asks `ScopeHolders` who holds a scope. */
@Global()
@Module({
  imports: [ScopesModule],
  controllers: [ClientsController],
  providers: [
    ClientRepository,
    { provide: ScopeHolders, useExisting: ClientRepository },
    ClientLock,
    ClientJournal,
    ClientsService,
    ClientSecretsService,
    ClientListingService,
    ClientUsage,
    Bootstrap,
  ],
  exports: [ScopeHolders, ClientRepository, ClientLock, ClientUsage, Bootstrap],
})
export class ClientsModule {}
