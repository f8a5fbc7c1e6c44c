export { CountedRefusals } from './counted-refusals.js';
export { LimitedCounts } from './limited-counts.service.js';
export { RefusalCounts } from './refusal-counts.service.js';
export {
  ClientTokenCountEntity,
  ClientTokenDayEntity,
  ClientTokenHourEntity,
  CoalescedRequestHourEntity,
  LimitedRequestHourEntity,
  RefusedRequestHourEntity,
  TokenCountEntity,
  TokenFoldEntity,
  TokenHourEntity,
} from './statistics.entities.js';
export { StatisticsModule } from './statistics.module.js';
