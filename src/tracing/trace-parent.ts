/** What somebody else's trace says about its span that asks us. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether it is recorded there. */
  readonly sampled: boolean;
}

const pattern = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const nothing = /^0+$/;

/** Reads `traceparent` (W3C Trace Context §3.2); `undefined`: it is not one, and the trace begins here (§3.2.4). */
export function readTraceParent(field: string | undefined): TraceParent | undefined {
  if (field === undefined || field.length > 512) return undefined;
  const [, traceId = '', spanId = '', flags = '', more] = pattern.exec(field.trim()) ?? [];
  if (traceId === '' || nothing.test(traceId) || nothing.test(spanId)) return undefined;
  // Of version 0 there is no more.
  if (more !== undefined && field.startsWith('00')) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
