import { sha256 } from '../client/sha256.js';
import type { VerifiedToken } from './access-token.js';
import { invalidToken } from './errors.js';
import { expiringMap } from '../client/expiring-map.js';
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
export interface Liveness {
  /**
   * Returns if the token is live.
   *
   * @throws TokenError `invalid_token`; `unavailable` when it is not known
   */
  require(token: string, verified: VerifiedToken): Promise<void>;
  /** Forgets what an event took away. */
  forget(): void;
  /** Forgets everything that is live, as after a gap in the stream of events. */
  forgetAll(): void;
}

/** Makes one. @internal */
export function liveness({ positiveMs, ask, flows }: LivenessOptions, revocations: Revocations): Liveness {
  const live = expiringMap<Live>(maxRemembered);
  const dead = expiringMap<true>(maxRemembered);
  const asking = new Map<string, Promise<boolean>>();

  /** The same question is asked once at a time; after an event it is another one. */
  const askOnce = (key: string, token: string, { jti, kid, clientId }: VerifiedToken): Promise<boolean> => {
    const generation = revocations.generation();
    const question = `${generation} ${key}`;
    let asked = asking.get(question);
    if (asked === undefined) {
      asked = ask(token)
        .then((active) => {
          if (!active) dead.set(key, true, deadMs);
          else if (generation === revocations.generation()) live.set(key, { jti, kid, clientId }, positiveMs);
          return active;
        })
        .finally(() => asking.delete(question));
      asking.set(question, asked);
    }
    return asked;
  };
  return {
    require: async (token, verified) => {
      const key = sha256(token);
      const isRemembered = flows() !== false && live.get(key) !== undefined;
      for (;;) {
        const generation = revocations.generation();
        const verdict = revocations.verdict(verified);
        if (verdict === 'dead' || dead.get(key) === true) throw revoked();
        if (isRemembered && verdict === 'unknown') return;
        if (!(await askOnce(key, token, verified))) throw revoked();
        // What came in meanwhile may be newer than the answer.
        if (generation === revocations.generation() || revocations.verdict(verified) === 'unknown') return;
      }
    },
    forget: () =>
      live.deleteWhere(({ jti, kid, clientId }) => {
        const verdict = revocations.verdict({ jti, kid, clientId, issuedAt: new Date(0) } as VerifiedToken);
        return verdict !== 'unknown';
      }),
    forgetAll: () => live.clear(),
  };
}

function revoked() {
  return invalidToken('the token was revoked');
}
