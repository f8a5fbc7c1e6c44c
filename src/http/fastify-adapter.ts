import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import type { Measurements, Tracing } from '../measurements/index.js';
import { methodNotAllowed, Problem } from '../protocol/index.js';
import { logAnswer } from './access-log.js';
import type { AllowedMethods } from './allowed-methods.js';
import { type ErrorResponse, errorResponse } from './error-response.js';
import type { FastLane } from './fast-lane.js';
import type { PreparedDocuments } from './prepared-document.js';
import { headerFault } from './header-fault.js';
import { bodyFault, bodyLimits, readBodiesStrictly } from './request-body.js';
import { createRequestIds } from './request-id.js';
import { pathOf } from './request-path.js';
import { RequestSpans } from './request-spans.js';
import { securityHeaders } from './security-headers.js';
import { Traffic } from './traffic.js';

/** What the HTTP side must know. */
export interface HttpOptions {
  /** Issuer identifier; decides whether HSTS is sent. */
  readonly issuer: string;
  /** CIDRs whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustProxy: readonly string[];
  readonly allowedMethods: AllowedMethods;
  readonly preparedDocuments: PreparedDocuments;
  readonly fastLane: FastLane;
  readonly logger: Logger;
  readonly measurements: Measurements;
  /** Absent: requests are not traced. */
  readonly tracing?: Tracing | undefined;
}

/** Time-outs and limits against slow and oversized peers, in milliseconds and bytes. */
const nodeOptions: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 12_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
  // Node would keep the first of two Authorization, Content-Type or Host fields, and drop the other.
  joinDuplicateHeaders: true,
  // Checked by us, so that the answer is one of ours.
  requireHostHeader: false,
  insecureHTTPParser: false,
};

/** Fastify as this server runs it: strict bodies, request ids, security headers, short time-outs against slow peers. */
export function createFastifyAdapter(options: HttpOptions): FastifyAdapter {
  const requestId = createRequestIds();
  const fixedHeaders = securityHeaders(options.issuer);
  const traffic = new Traffic(options.measurements);
  const prepared = options.preparedDocuments.lane(fixedHeaders, requestId, traffic);
  const fast = options.fastLane.lane({ fixedHeaders, requestId, logger: options.logger, traffic });
  const spans = options.tracing === undefined ? undefined : new RequestSpans(options.tracing);
  const writeBare = (socket: Socket, response: ErrorResponse) => {
    traffic.refused(response.status);
    writeTo(socket, response, { ...fixedHeaders, ...response.headers, 'x-request-id': requestId(undefined) });
  };
  // Behind a proxy the address of the peer is not that of the client: the framework knows which proxies to believe.
  const direct = options.trustProxy.length === 0;
  const serverOptions: FastifyServerOptions = {
    logger: false,
    bodyLimit: bodyLimits.other,
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    genReqId: (request) => requestId(request.headers['x-request-id']),
    serverFactory: (handle) =>
      createServer(nodeOptions, (request, response) => {
        spans?.begin(request, response);
        if (prepared(request, response) || (direct && fast(request, response))) spans?.name(request, request.url);
        else handle(request, response);
      }),
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, request, reply) => {
      const fault = new Problem(error.statusCode ?? 400, 'the URL is not valid');
      const { status, headers, body } = errorResponse(fault, request.raw.url ?? '');
      traffic.refused(status);
      void (reply as FastifyReply)
        .code(status)
        .headers({ ...fixedHeaders, ...headers, 'x-request-id': request.id })
        .send(body);
    },
    clientErrorHandler: (error, socket) => answerBareSocket(error, socket, writeBare),
  };
  const adapter = new FastifyAdapter(serverOptions);
  const fastify = adapter.getInstance() as FastifyInstance;
  fastify.addHook('onRoute', (route) => options.allowedMethods.add(route.url, route.method));
  receiveRequests(fastify, fixedHeaders, options.allowedMethods);
  readBodiesStrictly(fastify);
  noteAnswers(fastify, options.logger, traffic);
  spans?.follow(fastify);
  refuseUpgrades(fastify, writeBare, (request, status) => {
    traffic.refused(status);
    return { ...fixedHeaders, 'x-request-id': requestId(request.headers['x-request-id']) };
  });
  return adapter;
}

/**
 * Answers what is neither a request for the framework nor a fault: CONNECT, and expectations.
 *
 * @param noted is told what was refused, and gives the fields that every answer has
 */
function refuseUpgrades(
  fastify: FastifyInstance,
  writeBare: (socket: Socket, response: ErrorResponse) => void,
  noted: (request: IncomingMessage, status: number) => Readonly<Record<string, string>>,
): void {
  fastify.server.on('connect', (_request, socket: Socket) => {
    writeBare(socket, errorResponse(methodNotAllowed(['GET', 'POST']), ''));
  });
  fastify.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const { status, headers, body } = errorResponse(new Problem(417, 'this expectation is not met'), request.url ?? '');
    response.writeHead(status, { ...noted(request, status), ...headers, connection: 'close' }).end(body);
  });
}

/** What happens to every request before its handler: its answer gets the fixed headers, and it is refused if its form is wrong. */
function receiveRequests(
  fastify: FastifyInstance,
  fixedHeaders: Readonly<Record<string, string>>,
  allowedMethods: AllowedMethods,
): void {
  const entries = Object.entries(fixedHeaders);
  fastify.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
    for (const [name, value] of entries) reply.header(name, value);
    reply.header('x-request-id', request.id);
    const route = request.routeOptions.url;
    if (route !== undefined && (route.startsWith('/oauth/') || route.startsWith('/admin'))) {
      reply.header('cache-control', 'no-store');
      // RFC 6749 §5.1
      reply.header('pragma', 'no-cache');
    }
    const fault = headerFault(request.raw) ?? methodFault(request, allowedMethods) ?? bodyFault(request.raw);
    // Where its body ends is not looked for.
    if (fault !== undefined && request.headers['transfer-encoding'] !== undefined) reply.header('connection', 'close');
    done(fault);
  });
}

/** A wrong method; said before the framework reads the body, of which it wants things that some methods (`QUERY`) ask for. */
function methodFault(request: FastifyRequest, allowedMethods: AllowedMethods): Problem | undefined {
  if (request.routeOptions.url !== undefined) return undefined;
  const allow = allowedMethods.insteadOf(request.method, pathOf(request));
  return allow === undefined ? undefined : methodNotAllowed(allow);
}

/** Counts and logs what the framework has answered. */
function noteAnswers(fastify: FastifyInstance, logger: Logger, traffic: Traffic): void {
  fastify.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
    const { id, method, ip, routeOptions } = request;
    traffic.route(method, routeOptions.url).answered(statusCode, elapsedTime);
    const answer = { requestId: id, method, route: routeOptions.url, status: statusCode };
    logAnswer(logger, { ...answer, durationMs: elapsedTime, ipAddress: ip });
    done();
  });
}

const clientErrorStatus: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers a request that never became one: malformed, oversized or too slow (RFC 9112 §6.3: then the connection closes). */
function answerBareSocket(
  error: NodeJS.ErrnoException,
  socket: Socket,
  write: (socket: Socket, response: ErrorResponse) => void,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = clientErrorStatus[error.code ?? ''] ?? 400;
  write(socket, errorResponse(new Problem(status, 'the request is not well-formed HTTP'), targetOf(error)));
}

/** The path of a request that came no further than the parser, as far as its first line was in what came last. */
function targetOf(error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }): string {
  return /^[A-Z]+ (\S{1,256})/.exec(error.rawPacket?.toString('latin1', 0, 512) ?? '')?.[1] ?? '';
}

function writeTo(socket: Socket, response: ErrorResponse, fields: Readonly<Record<string, string>>): void {
  const headers: Record<string, string> = {
    ...fields,
    'content-length': String(Buffer.byteLength(response.body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(
    `HTTP/1.1 ${response.status} ${new Problem(response.status, '').title}\r\n${lines.join('\r\n')}\r\n\r\n${response.body}`,
  );
}
