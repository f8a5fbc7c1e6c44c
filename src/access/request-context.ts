import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { AuditAction, RequestOrigin } from '../audit/index.js';
import { withoutSecrets } from '../protocol/index.js';
import type { Caller } from './caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard once the bearer token is verified. */
    caller?: Caller;
    /** Set by the guard: under which action a refusal of the handler is audited. */
    refusalAction?: AuditAction;
    /** Set by the guard where it refuses a token: why, in a word that never leaves. */
    refusalReason?: string;
  }
}

const mappedPrefix = '::ffff:';

/**
 * An IP address in its one plain form (RFC 5952): IPv4 not dressed as IPv6, without a zone; `undefined` for anything else. A
 * proxy may pass on any spelling, and who counts, compares or digests addresses is to see one.
 */
function plainAddress(address: string): string | undefined {
  const zone = address.indexOf('%');
  const whole = zone < 0 ? address : address.slice(0, zone);
  // How Node spells a mapped address; reading the rest as IPv4 spares the hot path the slow parser of IPv6.
  const unmapped = whole.startsWith(mappedPrefix) ? whole.slice(mappedPrefix.length) : whole;
  if (isIPv4(unmapped)) return unmapped;
  if (!isIPv6(whole)) return undefined;
  // The library takes `::10.0.0.1` for `::ffff:10.0.0.1`; they are two addresses (RFC 4291 §2.5.5).
  return ipaddr.process(whole.replace(/^::(?=\d+\.)/, '0:0:0:0:0:0:')).toString();
}

/** The part of a request that the audit log keeps: address, user agent (cut to 256 characters) and request id. */
export function originOf(request: {
  readonly ip: string;
  readonly id: string;
  readonly headers: { readonly 'user-agent'?: string | undefined };
}): RequestOrigin {
  return {
    ipAddress: plainAddress(request.ip),
    userAgent: userAgentOf(request.headers['user-agent']),
    requestId: request.id,
  };
}

/** Who sends a secret along in the name of its program is not to find it in the log; an empty name is none. */
function userAgentOf(header: string | undefined): string | undefined {
  return header === undefined || header === '' ? undefined : withoutSecrets(header).slice(0, 256);
}
