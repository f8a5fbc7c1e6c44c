import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseStrictJson, Problem, unsupportedMediaType } from '../protocol/index.js';
import { failsAsOAuth } from './error-response.js';

/** Most bytes of a body on `/oauth/*`, and elsewhere. */
export const bodyLimits = { oauth: 64 * 1024, other: 1024 * 1024 } as const;

const bodyless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** `type/subtype` with nothing but parameters behind it (RFC 9110 §8.3.1). */
const mediaType = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** What stands for a Content-Type that is none: no endpoint takes it. */
const unknownMediaType = 'application/octet-stream';

/**
 * Reads bodies strictly: `/oauth/*` gets the raw bytes, which its own parser reads; everything else gets a
 * {@link JsonBody}.
 */
export function readBodiesStrictly(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    done(null, failsAsOAuth(request.routeOptions.url ?? '') ? body : new JsonBody(request, body));
  });
  fastify.addHook('onRoute', (route) => {
    if (failsAsOAuth(route.url)) route.bodyLimit = bodyLimits.oauth;
  });
}

/** What is wrong with a request's body before it is read: compressed, or where none belongs. */
export function bodyFault({ method, headers }: IncomingMessage): Problem | undefined {
  if (isCoded(headers)) return unsupportedMediaType('compressed bodies are not taken');
  const type = headers['content-type'];
  // Fastify would answer on its own; the endpoint shall say what a type means that it does not take.
  if (type !== undefined && !mediaType.test(type)) headers['content-type'] = unknownMediaType;
  if (!bodyless.has(method ?? '')) return undefined;
  const announced = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
  return announced ? new Problem(400, 'this method takes no body') : undefined;
}

/** In either way of RFC 9112 §7 and RFC 9110 §8.4; Node.js takes every `Transfer-Encoding` that ends in `chunked` for nothing else. */
function isCoded(headers: IncomingHttpHeaders): boolean {
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = headers;
  return content.toLowerCase() !== 'identity' || transfer.trim().toLowerCase() !== 'chunked';
}

/**
 * A body that is to be JSON, not read yet: it is parsed once the guard has let its sender in, so that a stranger learns nothing
 * but 401 and costs no parsing.
 */
export class JsonBody {
  private readonly merges: boolean;
  private readonly type: string | undefined;
  private parsed: unknown;

  constructor(
    request: FastifyRequest,
    /** As they were sent, whatever their media type. */
    readonly bytes: Buffer,
  ) {
    this.merges = request.method === 'PATCH';
    this.type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  }

  /**
   * The JSON value, without duplicate members; `undefined` if nothing was sent.
   *
   * @throws Problem 415, JsonFault
   */
  read(): unknown {
    const bytes = this.content();
    this.parsed = bytes.length === 0 ? undefined : parseStrictJson(bytes);
    return this.parsed;
  }

  /** The JSON value once it was read; `undefined` before, and where it could not be. */
  get known(): unknown {
    return this.parsed;
  }

  /**
   * The bytes as they were sent, for whoever reads them otherwise; none if nothing was sent.
   *
   * @throws Problem 415
   */
  content(): Buffer {
    if (this.type !== 'application/json' && !(this.merges && this.type === 'application/merge-patch+json')) {
      throw unsupportedMediaType(
        this.merges
          ? 'the body must be application/merge-patch+json or application/json'
          : 'the body must be application/json',
      );
    }
    return this.bytes;
  }
}
