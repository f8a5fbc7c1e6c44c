import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { FastRequest } from '../http/index.js';

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
  /** Whether it came over TLS, as far as anybody can tell: without a proxy that says otherwise it did. */
  readonly secure: boolean;
}

/** The ordinary way in: behind a proxy, or for a request that is in any way unusual. */
export function ordinaryRequest(request: FastifyRequest): WireRequest {
  return {
    id: request.id,
    ip: request.ip,
    peerAddress: request.socket.remoteAddress ?? '',
    headers: request.headers,
    body: request.body,
    secure: cameOverTls(request),
  };
}

/** Over each hop that the field tells of; the framework knows whether the last one may tell. */
function cameOverTls({ headers, protocol }: FastifyRequest): boolean {
  const hops = headers['x-forwarded-proto'];
  if (hops === undefined) return true;
  return (
    protocol === 'https' &&
    String(hops)
      .split(',')
      .every((hop) => hop.trim().toLowerCase() === 'https')
  );
}

/** The fast lane, which takes nothing that came through a proxy. */
export function plainRequest(request: FastRequest): WireRequest {
  const { id, ip, headers, body } = request;
  return { id, ip, peerAddress: ip, headers, body, secure: true };
}
