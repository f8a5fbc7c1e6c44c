import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { withinSpanOf } from '../measurements/index.js';
import { type AnswerRecord, logAnswer } from './access-log.js';
import { errorResponse, mediaTypes } from './error-response.js';
import { publicFault } from './fault.js';
import { logFault } from './fault-log.js';
import { headerFault } from './header-fault.js';
import { bodyFault, bodyLimits } from './request-body.js';
import type { Traffic } from './traffic.js';

/** A request as the fast lane hands it over: whole, and free of what the ordinary way would refuse before any handler. */
export interface FastRequest {
  readonly id: string;
  /** Address of the peer. */
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Gives the JSON of a 200; what it throws is answered as on the ordinary way. */
export type FastHandler = (request: FastRequest) => Promise<string>;

/** What every answer of the lane needs. */
export interface FastLaneOptions {
  readonly fixedHeaders: Readonly<Record<string, string>>;
  readonly requestId: (incoming: string | string[] | undefined) => string;
  readonly logger: Logger;
  readonly traffic: Traffic;
}

/**
 * The one endpoint that everybody waits for is answered before the framework sees the request: a plain `POST` of exactly its
 * path, with a small body of known length, straight from its client. Whatever is unusual in any way takes the ordinary way,
 * through the controller that declares the route.
 */
export class FastLane {
  private readonly handlers = new Map<string, FastHandler>();

  /** From now on `POST path`, which is public and under `/oauth/`, is answered by `handler`. */
  post(path: string, handler: FastHandler): void {
    this.handlers.set(path, handler);
  }

  /** Makes the function that takes a request over, and says whether it did. */
  lane(options: FastLaneOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
    const send = senderOf(options.fixedHeaders);
    return (request, response) => {
      if (request.method !== 'POST') return false;
      const path = request.url ?? '';
      const handler = this.handlers.get(path);
      if (handler === undefined || !isPlain(request)) return false;
      const id = options.requestId(request.headers['x-request-id']);
      const ip = request.socket.remoteAddress ?? '';
      noteWhenFinished(response, { requestId: id, method: 'POST', route: path, ipAddress: ip }, options);
      readBody(request, (body) => {
        withinSpanOf(request, () => void send(handler, path, { id, ip, headers: request.headers, body }, response));
      });
      return true;
    };
  }
}

type Send = (handler: FastHandler, path: string, request: FastRequest, response: ServerResponse) => Promise<void>;

/** The header fields, and their order, are those of the ordinary way: by its answers nobody shall tell the ways apart. */
function senderOf(fixedHeaders: Readonly<Record<string, string>>): Send {
  const cacheHeaders = { 'cache-control': 'no-store', pragma: 'no-cache' };
  const fixed = Object.entries(fixedHeaders).flat();
  const success = Object.entries({ ...cacheHeaders, 'content-type': mediaTypes.json }).flat();
  return async (handler, path, request, response) => {
    const identified = ['x-request-id', request.id];
    try {
      const json = await handler(request);
      const length = ['content-length', String(Buffer.byteLength(json))];
      response.writeHead(200, [...fixed, ...identified, ...success, ...length]).end(json);
    } catch (error) {
      const fault = publicFault(error);
      logFault(fault, request.id);
      const { status, headers, body } = errorResponse(fault, path);
      const own = Object.entries({ ...cacheHeaders, ...headers, 'content-length': String(Buffer.byteLength(body)) });
      response.writeHead(status, [...fixed, ...identified, ...own.flat()]).end(body);
    }
  };
}

function noteWhenFinished(
  response: ServerResponse,
  answer: Omit<AnswerRecord, 'status' | 'durationMs'> & { readonly method: string },
  { logger, traffic }: FastLaneOptions,
): void {
  const begin = performance.now();
  response.once('finish', () => {
    const durationMs = performance.now() - begin;
    traffic.route(answer.method, answer.route).answered(response.statusCode, durationMs);
    logAnswer(logger, { ...answer, status: response.statusCode, durationMs });
  });
}

function isPlain(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return (
    length !== undefined &&
    Number(length) <= bodyLimits.oauth &&
    request.headers['transfer-encoding'] === undefined &&
    // Whoever proves possession of a key is told a nonce, in a header of the answer.
    request.headers['dpop'] === undefined &&
    headerFault(request) === undefined &&
    bodyFault(request) === undefined
  );
}

/** Node.js holds the body to the length that was announced; one that is cut short never ends. */
function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  let body: Buffer = Buffer.alloc(0);
  request.on('data', (chunk: Buffer) => {
    body = body.length === 0 ? chunk : Buffer.concat([body, chunk]);
  });
  request.on('end', () => done(body));
}
