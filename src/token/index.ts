export { AccessTokenEntity } from './access-token.entity.js';
export {
  DeliveryTokens,
  type IssuedDeliveryToken,
  type TokenGrounds,
  type WantedDeliveryToken,
} from './delivery-tokens.js';
export { RefreshFamilyEntity, RefreshFamilyTokenEntity, RefreshTokenEntity } from './refresh/index.js';
export { TokenModule } from './token.module.js';
