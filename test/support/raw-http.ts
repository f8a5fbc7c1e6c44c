import { connect } from 'node:net';

/** Longest that an answer, or the end of a connection, is waited for. */
const limitMs = 20_000;

/** The bytes of a request, or its lines; lines get the empty line at the end. */
export type RawRequest = Uint8Array | readonly string[];

/**
 * Sends `request` as it is, however malformed, over a connection of its own and reads one answer.
 *
 * @param base `http://host:port`
 * @throws Error when there is none
 */
export function rawRequest(base: string, request: RawRequest): Promise<Response> {
  return exchange(base, request, false);
}

/** As `rawRequest`; and the server must close the connection after its answer. */
export function lastRawRequest(base: string, request: RawRequest): Promise<Response> {
  return exchange(base, request, true);
}

async function exchange(base: string, request: RawRequest, untilClosed: boolean): Promise<Response> {
  const { hostname, port } = new URL(base);
  const bytes = request instanceof Uint8Array ? request : Buffer.from([...request, '', ''].join('\r\n'), 'latin1');
  const head = Buffer.from(bytes).toString('latin1').startsWith('HEAD ');
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    return await new Promise<Response>((resolve, reject) => {
      let received = Buffer.alloc(0);
      socket.setTimeout(limitMs, () =>
        reject(new Error(`not answered, or not closed: ${received.toString('latin1')}`)),
      );
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const answer = parse(received, head);
        if (answer !== undefined && !untilClosed) resolve(answer);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        const answer = parse(received, head);
        if (answer === undefined) reject(new Error('the connection was closed without an answer'));
        else resolve(answer);
      });
      socket.write(bytes);
    });
  } finally {
    socket.destroy();
  }
}

/** A complete answer with a Content-Length or without a body; `undefined` until it is there. */
function parse(received: Buffer, head: boolean): Response | undefined {
  const text = received.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const length = head ? 0 : Number(headers.get('content-length') ?? '0');
  const body = received.subarray(end + 4);
  if (body.length < length) return undefined;
  const bodyless = status === 204 || status === 304;
  return new Response(bodyless ? null : Uint8Array.from(body.subarray(0, length)), { status, headers });
}
