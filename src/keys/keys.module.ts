import { Module } from '@nestjs/common';
import { VerificationKeys } from '../access/index.js';
import { KeyRing } from './key-ring.js';
import { KeyVault } from './key-vault.js';
import { KeysController } from './keys.controller.js';
import { Signer } from './signer.js';
import { SigningKeyRepository } from './signing-key.repository.js';

/** Signing keys: made at the first start, encrypted at rest, published, and used to sign. */
@Module({
  controllers: [KeysController],
  providers: [
    SigningKeyRepository,
    KeyVault,
    KeyRing,
    { provide: Signer, useExisting: KeyRing },
    { provide: VerificationKeys, useExisting: KeyRing },
  ],
  exports: [KeyRing, Signer, VerificationKeys],
})
export class KeysModule {}
