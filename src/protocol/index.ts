/** The one entry of `protocol/`: what the specifications say, as pure functions and types. */
export { type BearerChallenge, bearerChallenge, type DpopChallenge, dpopChallenge } from './bearer.js';
export { canonicalJsonText } from './canonical-json-text.js';
export { parseDateTime } from './date-time.js';
export { isNotModified } from './entity-tag.js';
export {
  type CloudEvent,
  type CloudEventData,
  cloudEventLimits,
  cloudEventText,
  isReservedEventType,
} from './cloud-event.js';
export { type CloudEventRequest, maxBatchSize, readCloudEvents } from './cloud-event-http.js';
export { type EventFilter, readEventFilter } from './event-filter.js';
export { type EventSelection, type MatchableEvent, matches, maxEventTypeLength, typeGlobFault } from './event-match.js';
export { type Form, isFormMediaType, parseForm, singleParameter } from './form.js';
export { formatSecret, formatSecretId, type ParsedSecret, parseSecret, type SecretKind } from './generated-secret.js';
export { isCompactJws } from './jose/compact-jws.js';
export { applyMergePatch, type MergePatch } from './merge-patch.js';
export { addressBytes, type Cidr, cidrContains, parseCidr } from './network.js';
export {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  accessTokenClaims,
  type Confirmation,
} from './oauth/access-token.js';
export {
  type CheckedAssertion,
  checkClientAssertion,
  type ClientAssertion,
  clientAssertionAlgorithms,
  type ClientAssertionFault,
} from './oauth/client-assertion.js';
export { type ClientAssertionKey, isSignedByAny, readClientAssertionKey } from './oauth/client-assertion-key.js';
export { type ClientCredentials, otherClient, readClientCredentials } from './oauth/client-authentication.js';
export { type CheckedDpopProof, checkDpopProof, dpopSigningAlgorithms } from './oauth/dpop-proof.js';
export {
  invalidClient,
  invalidDpopProof,
  invalidGrant,
  invalidRequest,
  invalidScope,
  invalidTarget,
  OAuthError,
  type OAuthErrorBody,
  oauthErrorBody,
  type OAuthErrorCode,
  type OAuthErrorDetails,
  serverError,
  temporarilyUnavailable,
  unauthorizedClient,
  unsupportedGrantType,
} from './oauth/error.js';
export { type AuthorizationServerMetadata, authorizationServerMetadata } from './oauth/metadata.js';
export { parseResource, resolveAudience } from './oauth/resource.js';
export {
  authorityCovers,
  formatScope,
  grantsApi,
  isOwnScope,
  isPrivileged,
  isRegistrableScopeName,
  isScopeToken,
  parseScope,
  resolveScope,
  scopeCovers,
} from './oauth/scope.js';
export { readTokenParameter } from './oauth/token-parameter.js';
export { readTokenRequest, type TokenRequest } from './oauth/token-request.js';
export { type Preconditions, preconditionsHold, readPreconditions } from './preconditions.js';
export {
  badRequest,
  conflict,
  forbidden,
  methodNotAllowed,
  notFound,
  payloadTooLarge,
  preconditionFailed,
  Problem,
  type ProblemBody,
  problemBody,
  type ProblemDetails,
  type ProblemFault,
  unauthorized,
  unavailable,
  unsupportedMediaType,
} from './problem.js';
export { webhookSignature, type WebhookMessage } from './standard-webhook.js';
export { checkStrictJson, JsonFault, parseStrictJson } from './strict-json.js';
export { type CertificateContent, extensionId, readCertificate } from './x509/certificate.js';
export { DerFault } from './x509/der.js';
export { type DistinguishedName, isSameName, parseDistinguishedName } from './x509/distinguished-name.js';
export { timeOfUuidV7, uuidV7 } from './uuid-v7.js';
export { withoutSecrets } from './secret-shapes.js';
