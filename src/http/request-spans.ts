import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { setSpanOf, type Tracing, withinSpanOf } from '../measurements/index.js';

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Gives each request a span: the framework's requests, and those that are answered before it. */
export class RequestSpans {
  private readonly routes = new WeakMap<IncomingMessage, string>();

  constructor(private readonly tracing: Tracing) {}

  /** To be called with each request, first of all. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', headers } = request;
    const { traceparent } = headers;
    const parent = typeof traceparent === 'string' ? traceparent : undefined;
    const span = this.tracing.request(methods.has(method) ? method : '_OTHER', parent);
    setSpanOf(request, span);
    response.once('close', () => {
      span.answered(this.routes.get(request), response.writableFinished ? response.statusCode : undefined);
    });
  }

  /** Says which route a request asks for. */
  name(request: IncomingMessage, route: string | undefined): void {
    if (route !== undefined) this.routes.set(request, route);
  }

  /** Has the framework name its requests, and run their handlers within their spans. */
  follow(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, _reply, done) => {
      this.name(request.raw, request.routeOptions.url);
      done();
    });
    // Not sooner: the body is read in a context of its own.
    fastify.addHook('preHandler', (request, _reply, done) => withinSpanOf(request.raw, done));
  }
}
