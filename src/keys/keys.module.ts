import { Module } from '@nestjs/common';
import { VerificationKeys } from '../access/index.js';
import { KeyAutopilot } from './key-autopilot.js';
import { KeyChanges } from './key-changes.js';
import { KeyHolds } from './key-holds.js';
import { KeyMeasures } from './key-measures.js';
import { KeyRing } from './key-ring.js';
import { KeyVault } from './key-vault.js';
import { KeysAdminController } from './keys-admin.controller.js';
import { KeysController } from './keys.controller.js';
import { KeysService } from './keys.service.js';
import { Signer } from './signer.js';
import { SigningMeasures } from './signing-measures.js';
import { SigningKeyRepository } from './signing-key.repository.js';
import { SpareKeys } from './spare-keys.js';

/** Signing keys: made, encrypted at rest, published, used to sign, and replaced. */
@Module({
  controllers: [KeysController, KeysAdminController],
  providers: [
    SigningKeyRepository,
    KeyVault,
    SpareKeys,
    KeyHolds,
    SigningMeasures,
    KeyRing,
    KeyMeasures,
    KeyChanges,
    KeyAutopilot,
    KeysService,
    { provide: Signer, useExisting: KeyRing },
    { provide: VerificationKeys, useExisting: KeyRing },
  ],
  exports: [KeyRing, Signer, VerificationKeys],
})
export class KeysModule {}
