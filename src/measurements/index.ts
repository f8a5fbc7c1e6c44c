export type { Family } from './family.js';
export { type Exposition, Measurements } from './measurements.js';
export { MeasurementsModule } from './measurements.module.js';
export type { Counter, Histogram } from './series.js';
export type { Reading, SampledDefinition } from './source.js';
export { type RequestSpan, setSpanOf, type Span, traced, type Tracing, untraced, withinSpanOf } from './tracing.js';
