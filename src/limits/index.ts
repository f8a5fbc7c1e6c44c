export { LimitsModule, SharedLimitsModule } from './limits.module.js';
export { type ExceededQuota, failureBudgets, Limits } from './limits.service.js';
export { networkOf } from './network-of.js';
export { TokenBuckets } from './token-buckets.js';
export { TokensOfDay } from './tokens-of-day.js';
