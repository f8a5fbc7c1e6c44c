import type { FastifyRequest } from 'fastify';

/** The path that was asked for, without a query string, in the plain spelling that routes are matched in. */
export function pathOf(request: FastifyRequest): string {
  const end = request.url.search(/[?#]/);
  const path = end < 0 ? request.url : request.url.slice(0, end);
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
