import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { httpSink } from './egress.js';

/** A request as a receiver of deliveries got it. */
export interface Received {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `webhook-id`. */
  readonly id: string;
}

/** Answers one delivery; a number is a status without a body. */
export type Answer = (
  received: Received,
  response: ServerResponse,
) => number | undefined | void | Promise<number | undefined | void>;

/** A receiver of deliveries that remembers what it got. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Most requests that it had at one moment. */
  readonly mostAtOnce: number;
  /** From now on. */
  readonly answer: (answer: Answer) => void;
  readonly close: () => Promise<void>;
}

/** Starts a receiver on the loopback interface. It answers 204 until told otherwise. */
export async function startReceiver(first: Answer = () => 204): Promise<Receiver> {
  const received: Received[] = [];
  let answer = first;
  let atOnce = 0;
  let mostAtOnce = 0;
  const sink = await httpSink((request, response) => {
    const chunks: Buffer[] = [];
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    response.once('close', () => (atOnce -= 1));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one: Received = {
        path: request.url ?? '',
        method: request.method ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        id: String(request.headers['webhook-id']),
      };
      received.push(one);
      void respond(answer, one, response);
    });
  });
  return {
    url: `http://127.0.0.1:${sink.port}/hook`,
    received,
    get mostAtOnce() {
      return mostAtOnce;
    },
    answer: (next) => void (answer = next),
    close: () => sink.close(),
  };
}

async function respond(answer: Answer, received: Received, response: ServerResponse): Promise<void> {
  const status = await answer(received, response);
  if (typeof status === 'number') response.writeHead(status).end();
}

/** Waits until `condition` holds; fails after half a minute. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'what was waited for'): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`${what} did not happen`);
    await sleep(20);
  }
}
