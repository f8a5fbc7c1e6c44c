import { isIP } from 'node:net';
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

/** An IP address in its plain form: IPv4 not dressed as IPv6, without a zone; `undefined` for anything else. */
function plainAddress(address: string): string | undefined {
  const unmapped =
    address.startsWith(mappedPrefix) && address.includes('.') ? address.slice(mappedPrefix.length) : address;
  const zone = unmapped.indexOf('%');
  const plain = zone < 0 ? unmapped : unmapped.slice(0, zone);
  return isIP(plain) === 0 ? undefined : plain;
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

/** Who sends a secret along in the name of its program is not to find it in the log. */
function userAgentOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : withoutSecrets(header).slice(0, 256);
}
