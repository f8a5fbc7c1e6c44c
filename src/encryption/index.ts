export { DataKeyEntity } from './data-key.entity.js';
export { DecryptionFailed } from './decryption-failed.js';
export { DerivedKeys } from './derived-keys.js';
export { EncryptionModule } from './encryption.module.js';
export { EnvKeyWrapper } from './env-key-wrapper.js';
export { type Envelope, openEnvelope, type Place, sealEnvelope } from './envelope.js';
export { loadKeyEncryptionKey } from './key-encryption-key.js';
export { KeyWrapper } from './key-wrapper.js';
export { assertWrappedBy, lockKeyCreation, wrongKeyEncryptionKey } from './stored-keys.js';
