export { ClientAuthenticationModule } from './client-authentication.module.js';
export { type AuthenticationContext, type AuthenticationResult, ClientAuthenticator } from './client-authenticator.js';
export type { ClientSnapshot } from './client-snapshot.js';
export { ClientSnapshots } from './client-snapshots.js';
