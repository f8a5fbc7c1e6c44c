import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { FastRequest } from '../http/index.js';
import { type Cidr, cidrContains } from '../protocol/index.js';

/** A request as either way into the server hands it over. */
export interface WireRequest {
  readonly id: string;
  /** Address of the client, as far as proxies are believed. */
  readonly ip: string;
  /** Address of whoever is connected. */
  readonly peerAddress: string;
  readonly headers: IncomingHttpHeaders;
  /** The raw bytes, if there were any. */
  readonly body: unknown;
}

/** The ordinary way in: behind a proxy, or for a request that is in any way unusual. */
export function ordinaryRequest(request: FastifyRequest): WireRequest {
  return {
    id: request.id,
    ip: request.ip,
    peerAddress: request.socket.remoteAddress ?? '',
    headers: request.headers,
    body: request.body,
  };
}

/** The fast lane, which takes nothing that came through a proxy. */
export function plainRequest(request: FastRequest): WireRequest {
  const { id, ip, headers, body } = request;
  return { id, ip, peerAddress: ip, headers, body };
}

/**
 * Whether a request came over TLS, on each hop that `X-Forwarded-Proto` tells of. Only a proxy that is trusted may tell
 * (security.md threat 28); without one that says otherwise it did.
 */
export function cameOverTls(
  { headers, peerAddress }: Pick<WireRequest, 'headers' | 'peerAddress'>,
  proxies: readonly Cidr[],
): boolean {
  const hops = headers['x-forwarded-proto'];
  if (hops === undefined || !cidrContains(proxies, peerAddress)) return true;
  return String(hops)
    .split(',')
    .every((hop) => hop.trim().toLowerCase() === 'https');
}
