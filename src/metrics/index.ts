export { MetricsExposition } from './metrics-exposition.js';
export { MetricsModule } from './metrics.module.js';
export { relayMetrics } from './process-relay.js';
