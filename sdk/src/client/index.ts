// For a service that calls others: tokens, and a `fetch` that carries them.
export type { BreakerOptions } from './circuit-breaker.js';
export type { ServiceCredentials } from './credentials.js';
export { CircuitOpenError, TokenRequestError } from './errors.js';
export type { ServerAccess } from './server-access.js';
export { createServiceFetch, type ServiceFetchOptions } from './service-fetch.js';
export { TokenManager } from './token-manager.js';
export type { TokenTarget } from './token-request.js';
export type { TokenManagerOptions, UsableToken } from './token-source.js';
