import type { FastifyRequest } from 'fastify';
import type { OAuthError, Problem } from '../protocol/index.js';

/** Who writes refused requests to the audit log. `access/` provides it; app.module binds it. */
export abstract class Refusals {
  /**
   * Records that `request` was answered with `fault`, where such an answer is to be kept.
   *
   * @throws DatabaseUnavailable when it cannot be recorded
   */
  abstract record(request: FastifyRequest, fault: OAuthError | Problem): Promise<void>;
}
