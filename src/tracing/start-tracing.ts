import type { TracingConfig } from '../config/index.js';
import type { Tracing } from '../measurements/index.js';

/**
 * Begins to trace, where the configuration names a collector. What that takes is not even loaded otherwise.
 *
 * @param warn is told when the collector does not take what it is sent, and when it does again; without anything of it
 */
export async function startTracing(
  config: TracingConfig,
  warn: (message: string) => void,
): Promise<Tracing | undefined> {
  if (config.endpoint === undefined) return undefined;
  const { OpenTelemetry } = await import('./open-telemetry.js');
  return new OpenTelemetry(config.endpoint, config, warn);
}
