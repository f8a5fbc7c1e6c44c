export { EgressError, type EgressErrorCode } from './egress-error.js';
export { EgressModule } from './egress.module.js';
export { Egress } from './egress.service.js';
export type { EgressRequest, EgressResponse } from './exchange.js';
