export { type AccessRule, accessRule } from './access-rule.js';
export { AccessGuard } from './access.guard.js';
export { AccessModule } from './access.module.js';
export { AuditedRefusals } from './audited-refusals.js';
export type { Caller } from './caller.js';
export { confirmCaller } from './confirm-caller.js';
export { Audited, CurrentCaller, Public, RequireScope, RequireScopeUnlessLoopback } from './decorators.js';
export { TokenStatus, type VerificationKey, VerificationKeys } from './ports.js';
export { originOf } from './request-context.js';
