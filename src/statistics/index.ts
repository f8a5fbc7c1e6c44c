export { CountedRefusals } from './counted-refusals.js';
export { LimitedCounts } from './limited-counts.service.js';
export { RefusalCounts } from './refusal-counts.service.js';
export {
  ClientTokenCountEntity,
  ClientTokenDayEntity,
  ClientTokenHourEntity,
  ClientTokenMinuteEntity,
  CoalescedRequestHourEntity,
  LimitedRequestHourEntity,
  RefusedRequestHourEntity,
  TokenCountEntity,
  TokenFoldEntity,
  TokenHourEntity,
  TokenMinuteEntity,
} from './statistics.entities.js';
export { StatisticsModule } from './statistics.module.js';
