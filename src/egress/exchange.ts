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
  /**
   * What becomes of a body that is longer, or that does not come to its end: `refuse` (the default) takes no response without its
   * whole body. `cut` is for those who ask for the status: the response is what was read by then.
   */
  readonly beyond?: 'refuse' | 'cut';
  /** Gives the request up; it rejects with the reason, unless there is a response to cut. */
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

/** What has arrived of a response. */
export class Arrived {
  private head: Omit<EgressResponse, 'body'> | undefined;
  private readonly chunks: Buffer[] = [];
  private length = 0;

  constructor(private readonly maxBytes: number) {}

  /** The response up to here; `undefined` before its header is complete. */
  get response(): EgressResponse | undefined {
    if (this.head === undefined) return undefined;
    return { ...this.head, body: Buffer.concat(this.chunks).subarray(0, this.maxBytes) };
  }

  begin(head: Omit<EgressResponse, 'body'>): void {
    this.head = head;
  }

  /** @returns bytes of the body that have come, `maxBytes` or more once nothing more is wanted */
  add(chunk: Buffer): number {
    this.chunks.push(chunk);
    this.length += chunk.length;
    return this.length;
  }
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
 * @param arrived takes what comes, for whoever can do with a part of it
 */
export async function exchange(
  pool: Pool,
  { pathname, search }: URL,
  request: EgressRequest,
  controller: AbortController,
  arrived: Arrived,
): Promise<void> {
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
  arrived.begin({ status: statusCode, headers });
  await read(body, request.maxBytes, cut, arrived);
}

/** Reads to the end or to `maxBytes`, whichever comes first; leaving the loop closes the connection. */
async function read(body: AsyncIterable<Buffer>, maxBytes: number, cut: boolean, arrived: Arrived): Promise<void> {
  for await (const chunk of body) {
    const length = arrived.add(chunk);
    if (length > maxBytes && !cut) throw new EgressError('too_large');
    if (length >= maxBytes && cut) break;
  }
}
