import { Module } from '@nestjs/common';
import { AssertionCheck } from './assertion-check.js';
import { CertificateCheck } from './certificate-check.js';
import { ClientAuthenticator } from './client-authenticator.js';
import { ClientKeySets } from './client-key-sets.js';
import { ClientSnapshots } from './client-snapshots.js';
import { RemoteKeySets } from './remote-key-sets.js';
import { SecretCheck } from './secret-check.js';

/** Who calls an OAuth endpoint: the client in memory, and the check of what it presents. */
@Module({
  providers: [
    ClientSnapshots,
    RemoteKeySets,
    ClientKeySets,
    SecretCheck,
    AssertionCheck,
    CertificateCheck,
    ClientAuthenticator,
  ],
  exports: [ClientAuthenticator, ClientSnapshots],
})
export class ClientAuthenticationModule {}
