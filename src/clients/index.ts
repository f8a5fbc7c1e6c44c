export {
  ClientAuthenticationModule,
  ClientAuthenticator,
  type ClientSnapshot,
  ClientSnapshots,
} from './authentication/index.js';
export { Bootstrap, type BootstrapOutcome } from './bootstrap/bootstrap.js';
export { isAdministratorId, makeAdministrator } from './bootstrap/new-administrator.js';
export { BootstrapEntity } from './bootstrap.entity.js';
export { supportedAuthMethods } from './client-capabilities.js';
export { ClientLock } from './client-lock.js';
export { ClientSecretEntity } from './client-secret.entity.js';
export { ClientUsage } from './client-usage.js';
export { ClientEntity } from './client.entity.js';
export { ClientRepository } from './client.repository.js';
export { ClientIdTaken, ClientNotFound } from './clients.errors.js';
export { ClientsModule } from './clients.module.js';
