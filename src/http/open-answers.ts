import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measurements } from '../measurements/index.js';

/** Milliseconds that peers without a complete request are given when the server closes. */
const silentPeersMs = 1_000;

/** Milliseconds that everybody is given; whoever still sends a request then is cut. */
const everybodyMs = 5_000;

const pollMs = 50;

/** Milliseconds that a retiring server gives its peers to say something, so that their connection ends after an answer. */
const partingMs = 5_000;

/**
 * Knows what a server is answering, so that it closes without cutting an answer, and without waiting for anybody else: a
 * connection that was kept alive after its answer, or on which nothing is ever sent, would hold a closing server back for as
 * long as its peer likes.
 */
export class OpenAnswers {
  private readonly answers = new Set<ServerResponse>();
  private closing = false;

  constructor(private readonly server: Server) {
    server.prependListener('request', (_request, response) => {
      this.answers.add(response);
      response.shouldKeepAlive &&= !this.closing;
      response.once('close', () => this.answers.delete(response));
    });
  }

  /** Shows how many requests are being answered. */
  measure(measurements: Measurements): void {
    const name = 'signet_http_requests_in_flight';
    measurements.read({
      name: 'open_answers',
      series: [{ name, help: 'Requests that are being answered, the scrape itself included.', labels: [] }],
      read: () => [{ name, value: this.answers.size }],
    });
  }

  /**
   * Ends the server's part in its conversations while another process answers at the same address: takes no more connections,
   * and ends each one after its next answer, so that no request meets a closed door. Resolves when none is left, or only silent
   * ones; then the server is to be closed.
   */
  async retire(): Promise<void> {
    this.endAfterAnswers();
    const closed = once(this.server, 'close');
    // `close()` of an HTTP server would also end the connections that are idle at this moment, with a request on its way.
    TcpServer.prototype.close.call(this.server);
    await Promise.race([closed, sleep(partingMs, undefined, { ref: false })]);
  }

  /** To be called before the server is closed: from now on each answer ends its connection, and the silent ones are ended. */
  close(): void {
    this.endAfterAnswers();
    const begin = performance.now();
    const timer = setInterval(() => {
      const elapsed = performance.now() - begin;
      const due = this.answers.size === 0 ? elapsed >= silentPeersMs : elapsed >= everybodyMs;
      if (due) this.server.closeAllConnections();
      if (due && !this.server.listening) clearInterval(timer);
    }, pollMs);
    timer.unref();
  }

  private endAfterAnswers(): void {
    this.closing = true;
    for (const answer of this.answers) answer.shouldKeepAlive = false;
  }
}
