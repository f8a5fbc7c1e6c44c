import { Module } from '@nestjs/common';
import { ClientAuthenticator } from './client-authenticator.js';
import { ClientSnapshots } from './client-snapshots.js';

/** Who calls an OAuth endpoint: the client in memory, and the check of what it presents. */
@Module({ providers: [ClientAuthenticator, ClientSnapshots], exports: [ClientAuthenticator, ClientSnapshots] })
export class ClientAuthenticationModule {}
