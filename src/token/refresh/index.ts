export { decideRefresh } from './refresh-decision.js';
export { RefreshFamilyEntity } from './refresh-family.entity.js';
export { RefreshFamilyTokenEntity } from './refresh-family-token.entity.js';
export { type InspectedRefreshToken, RefreshFamilies } from './refresh-families.service.js';
export { RefreshSecrets } from './refresh-secrets.js';
export { refreshedAudience, refreshedScope, requireBinding } from './refresh-terms.js';
export { RefreshTokenEntity } from './refresh-token.entity.js';
export { RefreshTokens } from './refresh-tokens.service.js';
export { RefreshRepository } from './refresh.repository.js';
