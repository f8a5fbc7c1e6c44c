import type { IncomingMessage, ServerResponse } from 'node:http';
import { tell } from '../client/tell.js';
import { WebhookError } from './signature.js';
import type { DeliveryHeaders, WebhookReceiver } from './webhook-receiver.js';

const maxBytes = 2 * 1024 * 1024;

interface Outcome {
  readonly status: number;
  readonly body: string;
}

/** Never rejects: a delivery that breaks off half-way must not end the process. */
async function outcomeOf(
  receiver: WebhookReceiver,
  headers: DeliveryHeaders,
  body: AsyncIterable<Uint8Array> | null,
  onError: ((error: unknown) => void) | undefined,
): Promise<Outcome> {
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) return { status: 413, body: 'the delivery is too large' };
      chunks.push(chunk);
    }
    await receiver.receive(headers, Buffer.concat(chunks));
    return { status: 204, body: '' };
  } catch (error) {
    if (error instanceof WebhookError) return { status: error.status, body: error.message };
    tell(onError, error);
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
    if (request.readableEnded) {
      tell(onError, new TypeError('a body parser has read the delivery: its signature is lost'));
    }
    const bytes = request.iterator({ destroyOnReturn: false });
    const { status, body } = await outcomeOf(receiver, request.headers, bytes, onError);
    // Such as a time limit has answered.
    if (response.headersSent) return;
    const headers = { 'content-type': 'text/plain', ...(status === 413 ? { connection: 'close' } : {}) };
    response.writeHead(status, headers).end(body);
  };
}

/** An `onRequest` hook for a route of Fastify, or of NestJS on it: it answers deliveries before any body parser. */
export function fastifyWebhookHook(receiver: WebhookReceiver, onError?: (error: unknown) => void) {
  const handler = nodeWebhookHandler(receiver, onError);
  return async (
    request: { raw: IncomingMessage },
    reply: { raw: ServerResponse; hijack(): unknown },
  ): Promise<void> => {
    reply.hijack();
    await handler(request.raw, reply.raw);
  };
}

/** A handler for `Request` and `Response` of the Fetch standard, such as a route of Hono. */
export function webWebhookHandler(receiver: WebhookReceiver, onError?: (error: unknown) => void) {
  return async (request: Request): Promise<Response> => {
    const { status, body } = await outcomeOf(receiver, request.headers, request.body, onError);
    return new Response(status === 204 ? null : body, { status });
  };
}
