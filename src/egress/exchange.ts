import type { Pool } from 'undici';
import { EgressError } from './egress-error.js';

/** A request as its sender describes it. */
export interface EgressRequest {
  readonly method?: 'GET' | 'POST';
  /** Beside those that belong to the connection. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** For everything, from the look-up of the name to the last byte, in milliseconds. */
  readonly timeoutMs: number;
  /** Of the body of the response, as it is sent: nothing is decompressed. */
  readonly maxBytes: number;
  /** Whether a longer body is `too_large` (the default), or cut off there and still a response. */
  readonly beyond?: 'refuse' | 'cut';
  /** Gives the request up; it rejects with the reason. */
  readonly signal?: AbortSignal;
}

/** A response, whatever its status: redirects are not followed. */
export interface EgressResponse {
  readonly status: number;
  /** By lower-case name; a list for one that was sent more than once. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** At most `maxBytes`. */
  readonly body: Buffer;
}

/** More of them than any exchange needs (RFC 9110 §15.2). */
const maxInformational = 8;

/** What the connection decides, not the sender. */
const reservedHeaders = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The headers that are sent, by lower-case name.
 *
 * @throws TypeError when the sender sets one that is not its own, or a name or value that HTTP does not allow
 */
export function sentHeaders(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const sent = new Headers({ 'user-agent': 'signet' });
  for (const [name, value] of Object.entries(headers)) {
    if (reservedHeaders.has(name.toLowerCase())) throw new TypeError(`the header ${name} is not the sender's to set`);
    sent.set(name, value);
  }
  sent.set('accept-encoding', 'identity');
  return Object.fromEntries(sent);
}

/**
 * Sends one request and reads its response, within the limits; see {@link EgressRequest}.
 *
 * @param controller ends it, from outside or from here
 */
export async function exchange(
  pool: Pool,
  { pathname, search }: URL,
  request: EgressRequest,
  controller: AbortController,
): Promise<EgressResponse> {
  let informational = 0;
  const { statusCode, headers, body } = await pool.request({
    method: request.method ?? 'GET',
    path: `${pathname}${search}`,
    headers: { ...request.headers },
    body: request.body ?? null,
    headersTimeout: request.timeoutMs,
    bodyTimeout: request.timeoutMs,
    signal: controller.signal,
    onInfo: () => {
      informational += 1;
      if (informational > maxInformational) controller.abort(new EgressError('invalid_response'));
    },
  });
  // Whoever stops reading destroys the stream, which then says so once more.
  body.on('error', () => undefined);
  const cut = request.beyond === 'cut';
  if (!cut && Number(headers['content-length'] ?? 0) > request.maxBytes) {
    body.destroy();
    throw new EgressError('too_large');
  }
  return { status: statusCode, headers, body: await read(body, request.maxBytes, cut) };
}

/** Reads to the end or to `maxBytes`, whichever comes first; leaving the loop closes the connection. */
async function read(body: AsyncIterable<Buffer>, maxBytes: number, cut: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes && !cut) throw new EgressError('too_large');
    chunks.push(chunk);
    if (length >= maxBytes && cut) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
