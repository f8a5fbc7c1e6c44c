import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseStrictJson, Problem, unsupportedMediaType } from '../protocol/index.js';
import { failsAsOAuth } from './error-response.js';

/** Most bytes of a body on `/oauth/*`, and elsewhere. */
export const bodyLimits = { oauth: 64 * 1024, other: 1024 * 1024 } as const;

const bodyless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/**
 * Reads bodies strictly: `/oauth/*` gets the raw bytes, which its own parser reads; everything else is JSON without duplicate
 * members, or refused. Compressed bodies are refused, and so are bodies where none belongs.
 */
export function readBodiesStrictly(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    try {
      done(null, failsAsOAuth(request.routeOptions.url ?? '') ? body : parseJsonBody(request, body));
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addHook('onRoute', (route) => {
    if (failsAsOAuth(route.url)) route.bodyLimit = bodyLimits.oauth;
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    const coding = headers['content-encoding'];
    if (coding !== undefined && coding.toLowerCase() !== 'identity') {
      done(unsupportedMediaType('compressed bodies are not taken'));
    } else if (
      bodyless.has(request.method) &&
      ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined)
    ) {
      done(new Problem(400, 'this method takes no body'));
    } else {
      done();
    }
  });
}

function parseJsonBody(request: FastifyRequest, body: Buffer): unknown {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const mergePatch = request.method === 'PATCH' && type === 'application/merge-patch+json';
  if (type !== 'application/json' && !mergePatch) {
    throw unsupportedMediaType(
      request.method === 'PATCH'
        ? 'the body must be application/merge-patch+json or application/json'
        : 'the body must be application/json',
    );
  }
  return body.length === 0 ? undefined : parseStrictJson(body);
}
