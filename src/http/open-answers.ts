import type { Server, ServerResponse } from 'node:http';

/** Milliseconds that peers without a complete request are given when the server closes. */
const silentPeersMs = 1_000;

/** Milliseconds that everybody is given; whoever still sends a request then is cut. */
const everybodyMs = 5_000;

const pollMs = 50;

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

  /** To be called before the server is closed: from now on each answer ends its connection, and the silent ones are ended. */
  close(): void {
    this.closing = true;
    for (const answer of this.answers) answer.shouldKeepAlive = false;
    const begin = performance.now();
    const timer = setInterval(() => {
      const elapsed = performance.now() - begin;
      const due = this.answers.size === 0 ? elapsed >= silentPeersMs : elapsed >= everybodyMs;
      if (due) this.server.closeAllConnections();
      if (due && !this.server.listening) clearInterval(timer);
    }, pollMs);
    timer.unref();
  }
}
