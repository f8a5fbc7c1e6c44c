import { sha256 } from '../client/sha256.js';
import type { VerifiedToken } from './access-token.js';
import { invalidToken } from './errors.js';
import { ExpiringMap } from './expiring-map.js';
import type { Revocations } from './revocations.js';

/** How far the word of the server is trusted without asking again. @internal */
export interface LivenessOptions {
  /** Milliseconds that "it is live" is remembered. */
  readonly positiveMs: number;
  /** Asks the server. */
  readonly ask: (token: string) => Promise<boolean>;
  /** Whether the stream of events is known to flow; `undefined`: nobody watches it. */
  readonly flows: () => boolean | undefined;
}

const deadMs = 600_000;
const maxRemembered = 50_000;

interface Live {
  readonly jti: string;
  readonly kid: string;
  readonly clientId: string;
}

/**
 * Whether verified tokens are still live: asked of the server, remembered for a bounded time, forgotten at once when an event says
 * so. An answer that was on its way while an event came is not remembered (the in-flight race).
 *
 * @internal
 */
export class Liveness {
  readonly #live = new ExpiringMap<Live>(maxRemembered);
  readonly #dead = new ExpiringMap<true>(maxRemembered);
  readonly #asking = new Map<string, Promise<boolean>>();
  readonly #options: LivenessOptions;
  readonly #revocations: Revocations;

  constructor(options: LivenessOptions, revocations: Revocations) {
    this.#options = options;
    this.#revocations = revocations;
  }

  /**
   * Returns if the token is live.
   *
   * @throws TokenError `invalid_token`; `unavailable` when it is not known
   */
  async require(token: string, verified: VerifiedToken): Promise<void> {
    const key = sha256(token);
    const isRemembered = this.#options.flows() !== false && this.#live.get(key) !== undefined;
    for (;;) {
      const { generation } = this.#revocations;
      const verdict = this.#revocations.verdict(verified);
      if (verdict === 'dead' || this.#dead.get(key) === true) throw revoked();
      if (isRemembered && verdict === 'unknown') return;
      if (!(await this.#askOnce(`${generation} ${key}`, key, token, verified))) throw revoked();
      // What came in meanwhile may be newer than the answer.
      if (generation === this.#revocations.generation || this.#revocations.verdict(verified) === 'unknown') return;
    }
  }

  /** Forgets what an event took away. */
  forget(): void {
    this.#live.deleteWhere(({ jti, kid, clientId }) => {
      const verdict = this.#revocations.verdict({ jti, kid, clientId, issuedAt: new Date(0) } as VerifiedToken);
      return verdict !== 'unknown';
    });
  }

  /** Forgets everything that is live, as after a gap in the stream of events. */
  forgetAll(): void {
    this.#live.clear();
  }

  /** @param question the same one is asked once at a time; after an event it is another one */
  #askOnce(question: string, key: string, token: string, { jti, kid, clientId }: VerifiedToken): Promise<boolean> {
    let asked = this.#asking.get(question);
    if (asked === undefined) {
      const { generation } = this.#revocations;
      asked = this.#options
        .ask(token)
        .then((active) => {
          if (!active) this.#dead.set(key, true, deadMs);
          else if (generation === this.#revocations.generation) {
            this.#live.set(key, { jti, kid, clientId }, this.#options.positiveMs);
          }
          return active;
        })
        .finally(() => this.#asking.delete(question));
      this.#asking.set(question, asked);
    }
    return asked;
  }
}

function revoked() {
  return invalidToken('the token was revoked');
}
