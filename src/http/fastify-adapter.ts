import { createServer, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import { methodNotAllowed, Problem } from '../protocol/index.js';
import { logAnswers } from './access-log.js';
import type { AllowedMethods } from './allowed-methods.js';
import { errorResponse } from './error-response.js';
import type { PreparedDocuments } from './prepared-document.js';
import { bodyLimits, readBodiesStrictly } from './request-body.js';
import { createRequestIds } from './request-id.js';
import { securityHeaders } from './security-headers.js';

/** What the HTTP side must know. */
export interface HttpOptions {
  /** Issuer identifier; decides whether HSTS is sent. */
  readonly issuer: string;
  /** CIDRs whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustProxy: readonly string[];
  readonly allowedMethods: AllowedMethods;
  readonly preparedDocuments: PreparedDocuments;
  readonly logger: Logger;
}

/** Time-outs and limits against slow and oversized peers, in milliseconds and bytes. */
const nodeOptions: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 12_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
};

/** Most header fields of a request; a longer list is refused with 431 rather than cut. */
const maxHeaderFields = 100;

/** Fastify as this server runs it: strict bodies, request ids, security headers, short time-outs against slow peers. */
export function createFastifyAdapter(options: HttpOptions): FastifyAdapter {
  const requestId = createRequestIds();
  const fixedHeaders = securityHeaders(options.issuer);
  const answeredAtOnce = options.preparedDocuments.lane(fixedHeaders, requestId);
  const serverOptions: FastifyServerOptions = {
    logger: false,
    bodyLimit: bodyLimits.other,
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    genReqId: (request) => requestId(request.headers['x-request-id']),
    serverFactory: (handle) =>
      createServer(nodeOptions, (request, response) => {
        if (!answeredAtOnce(request, response)) handle(request, response);
      }),
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, request, reply) => {
      const { status, headers, body } = errorResponse(new Problem(error.statusCode ?? 400, 'the URL is not valid'), '');
      void (reply as FastifyReply)
        .code(status)
        .headers({ ...fixedHeaders, ...headers, 'x-request-id': request.id })
        .send(body);
    },
    clientErrorHandler: (error, socket) => answerBareSocket(error, socket, requestId(undefined), fixedHeaders),
  };
  const adapter = new FastifyAdapter(serverOptions);
  const fastify = adapter.getInstance() as FastifyInstance;
  fastify.addHook('onRoute', (route) => options.allowedMethods.add(route.url, route.method));
  addFixedHeaders(fastify, fixedHeaders);
  refuseOversizedHeaders(fastify);
  readBodiesStrictly(fastify);
  logAnswers(fastify, options.logger);
  fastify.server.on('connect', (_request, socket: Socket) => {
    const response = errorResponse(methodNotAllowed(['GET', 'POST']), '');
    writeBare(socket, response, requestId(undefined), fixedHeaders);
  });
  return adapter;
}

function addFixedHeaders(fastify: FastifyInstance, fixedHeaders: Readonly<Record<string, string>>): void {
  const entries = Object.entries(fixedHeaders);
  fastify.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
    for (const [name, value] of entries) reply.header(name, value);
    reply.header('x-request-id', request.id);
    const route = request.routeOptions.url;
    if (route !== undefined && (route.startsWith('/oauth/') || route.startsWith('/admin'))) {
      reply.header('cache-control', 'no-store');
    }
    done();
  });
}

function refuseOversizedHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.raw.rawHeaders.length > 2 * maxHeaderFields) done(new Problem(431, 'too many header fields'));
    else done();
  });
}

const clientErrorStatus: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers a request that never became one: malformed, oversized or too slow (RFC 9112 §6.3: then the connection closes). */
function answerBareSocket(
  error: NodeJS.ErrnoException,
  socket: Socket,
  id: string,
  fixedHeaders: Readonly<Record<string, string>>,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = clientErrorStatus[error.code ?? ''] ?? 400;
  writeBare(socket, errorResponse(new Problem(status, 'the request is not well-formed HTTP'), ''), id, fixedHeaders);
}

function writeBare(
  socket: Socket,
  response: ReturnType<typeof errorResponse>,
  id: string,
  fixedHeaders: Readonly<Record<string, string>>,
): void {
  const headers: Record<string, string> = {
    ...fixedHeaders,
    ...response.headers,
    'x-request-id': id,
    'content-length': String(Buffer.byteLength(response.body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(
    `HTTP/1.1 ${response.status} ${new Problem(response.status, '').title}\r\n${lines.join('\r\n')}\r\n\r\n${response.body}`,
  );
}
