export { CountedRefusals } from './counted-refusals.js';
export { RefusalCounts } from './refusal-counts.service.js';
export {
  ClientTokenCountEntity,
  ClientTokenDayEntity,
  ClientTokenHourEntity,
  RefusedRequestHourEntity,
  TokenCountEntity,
  TokenHourEntity,
} from './statistics.entities.js';
export { StatisticsModule } from './statistics.module.js';
