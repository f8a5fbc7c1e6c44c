export { KeyAutopilot } from './key-autopilot.js';
export { KeyRing } from './key-ring.js';
export { KeysModule } from './keys.module.js';
export { Signer, type SigningHandle } from './signer.js';
export type { SigningAlg, SigningKey, SigningKeyStatus } from './signing-key.js';
export { SigningKeyEntity } from './signing-key.entity.js';
export { wrappedSigningKeys } from './wrapped-signing-keys.js';
