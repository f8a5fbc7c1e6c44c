import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type Family, type Histogram, Measurements, type Reading } from '../measurements/index.js';
import { eventLoopSeries, processSeries, readProcess } from './process-series.js';

/** Milliseconds between two looks at the event loop; what delays it for less is not seen. */
const resolutionMs = 20;

/** Milliseconds that the delays of the event loop are gathered for, so that two who ask do not take them from each other. */
const delaysMs = 5_000;

const nanoseconds = 1e9;

/** By the number that V8 gives a kind of collection; see `constants` of `node:perf_hooks`. */
const collections: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weak_callback' };

/**
 * What every Prometheus client tells of its process, under the names that all of them use. Made here rather than by
 * prom-client, whose watchers of the process never end.
 */
@Injectable()
export class ProcessMeasures implements OnModuleInit, OnApplicationShutdown {
  private readonly delays: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  private readonly pauses: Family<Histogram>;
  private readonly observer: PerformanceObserver;

  constructor(@Inject(Measurements) private readonly measurements: Measurements) {
    this.pauses = measurements.histograms({
      name: 'nodejs_gc_duration_seconds',
      help: 'Time of garbage collections, by kind.',
      labels: ['kind'],
      bounds: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
    });
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.paused(entry.duration, 'detail' in entry ? entry.detail : undefined);
    });
  }

  onModuleInit(): void {
    this.delays.enable();
    this.observer.observe({ entryTypes: ['gc'] });
    this.measurements.read({ name: 'process', series: processSeries, read: readProcess });
    this.measurements.read({
      name: 'event_loop',
      series: eventLoopSeries,
      freshMs: delaysMs,
      read: () => this.readDelays(),
    });
  }

  onApplicationShutdown(): void {
    this.delays.disable();
    this.observer.disconnect();
  }

  private paused(durationMs: number, detail: unknown): void {
    const kind = typeof detail === 'object' && detail !== null && 'kind' in detail ? Number(detail.kind) : 0;
    this.pauses.of(collections[kind] ?? 'other').observe(durationMs / 1_000);
  }

  private readDelays(): Reading[] {
    const { delays } = this;
    const values = { mean: delays.mean, max: delays.max, p50: delays.percentile(50), p99: delays.percentile(99) };
    const looked = delays.count > 0;
    delays.reset();
    // The timer that looks is due every `resolutionMs`; what it comes later is the delay.
    const delayOf = (value: number) => Math.max(0, value / nanoseconds - resolutionMs / 1_000);
    return Object.entries(values).map(([name, value]) => ({
      name: `nodejs_eventloop_lag_${name}_seconds`,
      value: looked ? delayOf(value) : 0,
    }));
  }
}
