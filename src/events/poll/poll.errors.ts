import { Problem } from '../../protocol/index.js';

/** 404: there is no such subscription of the client, or it is not one that is polled. */
export class PolledSubscriptionNotFound extends Problem {
  override readonly name = 'PolledSubscriptionNotFound';

  constructor() {
    super(404, 'the client has no subscription of this identifier that is polled');
  }
}

/** 429: a client waits with a bounded number of polls at once. */
export class TooManyPolls extends Problem {
  override readonly name = 'TooManyPolls';

  constructor() {
    super(429, 'too many polls of this client are waiting', { retryAfterSeconds: 1 });
  }
}
