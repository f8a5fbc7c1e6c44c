import { type Context, ROOT_CONTEXT, type Span as ApiSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type TracerProviderOptions,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from '../config/index.js';
import type { RequestSpan, Span, Tracing } from '../measurements/index.js';
import { readTraceParent } from './trace-parent.js';

type Resource = NonNullable<TracerProviderOptions['resource']>;
type Tracer = ReturnType<TracerProvider['getTracer']>;

/** Spans that wait to be sent; more are dropped, so that memory stays bounded while the collector is away. */
const maxQueued = 8_192;
const maxBatch = 512;
const delayMs = 1_000;
const exportMs = 5_000;

/** What the end of the process waits for. */
const stopMs = 1_500;

/**
 * Sends spans to a collector (OTLP over HTTP, JSON), in batches and behind the answers.
 *
 * Nothing is registered globally, and nothing instruments anything: a span holds what this file and its callers put into it.
 */
export class OpenTelemetry implements Tracing {
  private readonly provider: TracerProvider;
  private readonly tracer: Tracer;

  constructor(
    endpoint: string,
    { headers, serviceName, sampledShare }: Omit<TracingConfig, 'endpoint'>,
    warn: (message: string) => void,
  ) {
    const sender = new OTLPTraceExporter({
      url: `${endpoint}/v1/traces`,
      headers: { ...headers?.reveal() },
      timeoutMillis: exportMs,
    });
    this.provider = new TracerProvider({
      resource: resourceOf(serviceName),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampledShare) }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: watched(sender, warn),
          maxQueueSize: maxQueued,
          maxExportBatchSize: maxBatch,
          scheduledDelayMillis: delayMs,
          exportTimeoutMillis: exportMs,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('signet');
  }

  request(method: string, traceparent: string | undefined): RequestSpan {
    const attributes = { 'http.request.method': method };
    const options = { kind: SpanKind.SERVER, attributes };
    const span = this.tracer.startSpan(method, options, parentContext(traceparent));
    return new OpenRequestSpan(this.tracer, span, method);
  }

  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, stopMs)));
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

class OpenSpan implements Span {
  constructor(
    private readonly tracer: Tracer,
    protected readonly span: ApiSpan,
  ) {}

  step(name: string): Span {
    return new OpenSpan(this.tracer, this.tracer.startSpan(name, {}, trace.setSpan(ROOT_CONTEXT, this.span)));
  }

  end(failed: boolean): void {
    if (failed) this.span.setStatus({ code: SpanStatusCode.ERROR });
    this.span.end();
  }
}

class OpenRequestSpan extends OpenSpan implements RequestSpan {
  constructor(
    tracer: Tracer,
    span: ApiSpan,
    private readonly method: string,
  ) {
    super(tracer, span);
  }

  answered(route: string | undefined, status: number | undefined): void {
    const name = this.method === '_OTHER' ? 'HTTP' : this.method;
    if (route === undefined) this.span.updateName(name);
    else this.span.updateName(`${name} ${route}`).setAttribute('http.route', route);
    if (status !== undefined) this.span.setAttribute('http.response.status_code', status);
    this.end(status === undefined || status >= 500);
  }
}

function parentContext(traceparent: string | undefined): Context {
  const parent = readTraceParent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: sampled ? 1 : 0, isRemote: true });
}

/** Nothing of this machine or its environment. */
function resourceOf(serviceName: string): Resource {
  const attributes = { 'service.name': serviceName, 'telemetry.sdk.language': 'nodejs' };
  const resource: Resource = { attributes, getRawAttributes: () => Object.entries(attributes), merge: () => resource };
  return resource;
}

/** Says once that the collector is away, and once that it is back. */
function watched(exporter: SpanExporter, warn: (message: string) => void): SpanExporter {
  let away = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed !== away) warn(failed ? 'the collector of traces does not take them' : 'the collector is back');
        away = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}
