import type { Reading, SampledDefinition } from '../measurements/index.js';

/** When this process began, seconds since the epoch. */
const startedAt = Date.now() / 1_000 - process.uptime();

const own = (name: string, help: string, type: 'counter' | 'gauge' = 'gauge'): SampledDefinition => ({
  name,
  help,
  labels: [],
  type,
});

/** Of the process, under the names that every Prometheus client uses. */
export const processSeries = [
  own('process_cpu_user_seconds_total', 'CPU time spent in user mode.', 'counter'),
  own('process_cpu_system_seconds_total', 'CPU time spent in the kernel.', 'counter'),
  own('process_resident_memory_bytes', 'Resident memory.'),
  own('process_start_time_seconds', 'When the process began, in seconds since the epoch.'),
  own('nodejs_heap_size_total_bytes', 'Size of the JavaScript heap.'),
  own('nodejs_heap_size_used_bytes', 'What of the JavaScript heap is in use.'),
  own('nodejs_external_memory_bytes', 'Memory outside the heap that JavaScript objects hold.'),
] as const;

/** Of the event loop. */
export const eventLoopSeries = [
  own('nodejs_eventloop_lag_mean_seconds', 'How late the event loop came to its timers, on average.'),
  own('nodejs_eventloop_lag_max_seconds', 'How late the event loop came to a timer at worst.'),
  own('nodejs_eventloop_lag_p50_seconds', 'How late the event loop came to half of its timers at most.'),
  own('nodejs_eventloop_lag_p99_seconds', 'How late the event loop came to 99 of 100 timers at most.'),
] as const;

/** The numbers of {@link processSeries}, in base units. */
export function readProcess(): Reading[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const values = [user / 1e6, system / 1e6, rss, startedAt, heapTotal, heapUsed, external];
  return processSeries.map(({ name }, index) => ({ name, value: values[index] ?? 0 }));
}
