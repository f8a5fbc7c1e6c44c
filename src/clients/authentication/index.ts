export { ClientAuthenticationModule } from './client-authentication.module.js';
export { ClientAuthenticator } from './client-authenticator.js';
export type { ClientSnapshot } from './client-snapshot.js';
export { ClientSnapshots } from './client-snapshots.js';
