// For an API that is called with access tokens of Signet.
export type { VerifiedToken } from './access-token.js';
export type { RequireTokenOptions } from './answer.js';
export type { ProvenRequest } from './dpop-proof.js';
export { TokenError, type TokenFault } from './errors.js';
export type { IntrospectionOptions } from './introspection.js';
export type { SecurityEvent } from './revocations.js';
export { scopeCovers } from './scope.js';
export {
  createTokenVerifier,
  type PresentedToken,
  type TokenVerifier,
  type TokenVerifierOptions,
} from './token-verifier.js';
