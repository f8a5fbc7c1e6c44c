export { LimitsModule } from './limits.module.js';
export { failureBudgets, Limits } from './limits.service.js';
export { networkOf } from './network-of.js';
export { TokenBuckets } from './token-buckets.js';
