import type { IncomingMessage } from 'node:http';
import { Problem } from '../protocol/index.js';

/** Most header fields of a request; a longer list is refused with 431 rather than cut. */
const maxHeaderFields = 100;

/** What is wrong with the header of a request as a whole. */
export function headerFault({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): Problem | undefined {
  if (rawHeaders.length > 2 * maxHeaderFields) return new Problem(431, 'too many header fields');
  const { host } = headers;
  // RFC 9112 §3.2
  const oneHost = host === undefined ? httpVersionMinor === 0 : !host.includes(',');
  return oneHost ? undefined : new Problem(400, 'there must be one Host header field');
}
