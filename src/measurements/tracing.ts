import { AsyncLocalStorage } from 'node:async_hooks';

/** A stretch of time of one request, as a trace shows it. Holds names of ours and nothing of what was sent. */
export interface Span {
  /** A part of it that begins now. */
  step(name: string): Span;
  end(failed: boolean): void;
}

/** A whole request. */
export interface RequestSpan extends Span {
  /**
   * @param route the pattern of the route; `undefined`: there is none
   * @param status of the answer; `undefined`: it did not get through
   */
  answered(route: string | undefined, status: number | undefined): void;
}

/** Where spans go. */
export interface Tracing {
  /** @param traceparent the field of this name (W3C Trace Context), as the client sent it */
  request(method: string, traceparent: string | undefined): RequestSpan;
  /** Hands over what is left, in bounded time; never rejects. */
  stop(): Promise<void>;
}

const current = new AsyncLocalStorage<Span>();
const spans = new WeakMap<object, Span>();

/** Has what is done for `request` belong to `span`. */
export function setSpanOf(request: object, span: Span): void {
  spans.set(request, span);
}

/** Runs `work` for `request`: what it starts is part of that span, if there is one. */
export function withinSpanOf(request: object, work: () => void): void {
  const span = spans.get(request);
  if (span === undefined) work();
  else current.run(span, work);
}

/** Runs `work` as a step of the request that asks for it; where that is not traced, just runs it. */
export function traced<T>(step: string, work: () => Promise<T>): Promise<T> {
  const parent = current.getStore();
  return parent === undefined ? work() : runStep(parent.step(step), work);
}

/** Runs `work` as no part of the request that happens to start it. */
export function untraced(work: () => void): void {
  if (current.getStore() === undefined) work();
  else current.exit(work);
}

async function runStep<T>(span: Span, work: () => Promise<T>): Promise<T> {
  let failed = true;
  try {
    const result = await current.run(span, work);
    failed = false;
    return result;
  } finally {
    span.end(failed);
  }
}
