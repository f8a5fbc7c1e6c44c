export { ScopeEntity } from './scope.entity.js';
export { ScopeHolders } from './scope-holders.js';
export { type RegisteredScopes, ScopeRegistry } from './scope-registry.js';
export { ScopesModule } from './scopes.module.js';
export { ScopesService } from './scopes.service.js';
