import { createHash } from 'node:crypto';
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
const capacity = 50_000;

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
  private readonly live = new ExpiringMap<Live>(capacity);
  private readonly dead = new ExpiringMap<true>(capacity);
  private readonly asking = new Map<string, Promise<boolean>>();

  constructor(
    private readonly options: LivenessOptions,
    private readonly revocations: Revocations,
  ) {}

  /**
   * Returns if the token is live.
   *
   * @throws TokenError `invalid_token`; `unavailable` when it is not known
   */
  async require(token: string, verified: VerifiedToken): Promise<void> {
    const verdict = this.revocations.verdict(verified);
    if (verdict === 'dead') throw invalidToken('the token was revoked');
    const key = createHash('sha256').update(token).digest('base64url');
    if (this.dead.get(key) === true) throw invalidToken('the token was revoked');
    const trusted = verdict === 'unknown' && this.options.flows() !== false;
    if (trusted && this.live.get(key) !== undefined) return;
    if (!(await this.askOnce(key, token, verified))) throw invalidToken('the token was revoked');
    if (this.revocations.verdict(verified) === 'dead') throw invalidToken('the token was revoked');
  }

  /** Forgets what an event took away. */
  forget(): void {
    this.live.deleteWhere(({ jti, kid, clientId }) => {
      const verdict = this.revocations.verdict({ jti, kid, clientId, issuedAt: new Date(0) } as VerifiedToken);
      return verdict !== 'unknown';
    });
  }

  private askOnce(key: string, token: string, { jti, kid, clientId }: VerifiedToken): Promise<boolean> {
    let asked = this.asking.get(key);
    if (asked === undefined) {
      const { generation } = this.revocations;
      asked = this.options
        .ask(token)
        .then((active) => {
          if (!active) this.dead.set(key, true, deadMs);
          else if (generation === this.revocations.generation) {
            this.live.set(key, { jti, kid, clientId }, this.options.positiveMs);
          }
          return active;
        })
        .finally(() => this.asking.delete(key));
      this.asking.set(key, asked);
    }
    return asked;
  }
}
