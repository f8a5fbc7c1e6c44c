import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/**
 * One line per answer, of allow-listed fields only: never a query string, a header or a body (security.md D15). What the
 * audit log or a metric already tells – answered tokens, keys, probes – is logged at debug level.
 */
export function logAnswers(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const quiet = reply.statusCode < 400 && !isAdministrative(request);
    const level = quiet ? 'debug' : 'info';
    if (logger.isLevelEnabled(level)) {
      logger[level](
        {
          request_id: request.id,
          method: request.method,
          route: request.routeOptions.url ?? 'unknown',
          status: reply.statusCode,
          duration_ms: Math.round(reply.elapsedTime * 100) / 100,
          ip_address: request.ip,
        },
        'answered',
      );
    }
    done();
  });
}

function isAdministrative(request: FastifyRequest): boolean {
  return request.routeOptions.url?.startsWith('/admin') ?? false;
}
