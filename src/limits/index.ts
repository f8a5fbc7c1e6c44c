export { LimitsModule } from './limits.module.js';
export { failureBudgets, Limits } from './limits.service.js';
