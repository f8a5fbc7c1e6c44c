import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebhookError } from './signature.js';
import type { WebhookReceiver } from './webhook-receiver.js';

const maxBytes = 2 * 1024 * 1024;

interface Outcome {
  readonly status: number;
  readonly body: string;
}

async function outcomeOf(work: Promise<unknown>, onError: ((error: unknown) => void) | undefined): Promise<Outcome> {
  try {
    await work;
    return { status: 204, body: '' };
  } catch (error) {
    if (error instanceof WebhookError) return { status: error.status, body: error.message };
    onError?.(error);
    return { status: 500, body: 'the event was not worked on' };
  }
}

/**
 * A handler for `node:http`, Express and Connect. No body parser may have read the request before it.
 *
 * @param onError is told what a handler of events threw; the server sends the event again
 */
export function nodeWebhookHandler(receiver: WebhookReceiver, onError?: (error: unknown) => void) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        response.writeHead(413, { connection: 'close' }).end();
        return;
      }
      chunks.push(chunk);
    }
    const { status, body } = await outcomeOf(receiver.receive(request.headers, Buffer.concat(chunks)), onError);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  };
}

/** A handler for `Request` and `Response` of the Fetch standard, such as a route of Hono. */
export function webWebhookHandler(receiver: WebhookReceiver, onError?: (error: unknown) => void) {
  return async (request: Request): Promise<Response> => {
    const { headers } = request;
    const received = request.arrayBuffer().then((body) => receiver.receive(headers, new Uint8Array(body)));
    const { status, body } = await outcomeOf(received, onError);
    return new Response(status === 204 ? null : body, { status });
  };
}
