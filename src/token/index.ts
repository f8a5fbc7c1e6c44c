export { AccessTokenEntity } from './access-token.entity.js';
export { RefreshFamilyEntity, RefreshFamilyTokenEntity, RefreshTokenEntity } from './refresh/index.js';
export { TokenModule } from './token.module.js';
