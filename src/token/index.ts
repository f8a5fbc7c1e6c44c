export { AccessTokenEntity } from './access-token.entity.js';
export { TokenModule } from './token.module.js';
