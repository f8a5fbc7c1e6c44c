import { authenticator, type ServiceCredentials } from './credentials.js';
import type { DpopKey } from './dpop.js';
import { TokenRequestError } from './errors.js';
import { type ExpiringMap, expiringMap } from './expiring-map.js';
import { monotonic } from './monotonic.js';
import { tell } from './tell.js';
import { requestToken, type TokenEndpoint, type TokenTarget } from './token-request.js';
import { unlessLate } from './unless-late.js';

/** How a `TokenManager` works. */
export interface TokenManagerOptions {
  /** Issuer identifier of the server, such as `https://signet.example.com`. */
  issuer?: string;
  /** The token endpoint; `<issuer>/oauth/token` unless given. */
  tokenUrl?: string;
  credentials: ServiceCredentials;
  /** Binds the tokens to a key of this process (RFC 9449). */
  dpop?: boolean;
  /** Fraction of its life after which a token is renewed, 0.8 unless given; up to a tenth of it earlier, by chance. */
  renewAt?: number;
  /** Seconds before its end at which a token is renewed instead, such as 1800; `renewAt` holds for one that lives no longer than that. */
  renewLeadSeconds?: number;
  /** For one request of a token, in milliseconds; 5000 unless given. */
  timeoutMs?: number;
  /** Is told of each renewal that failed while the old token was still good. */
  onRenewalFailure?: (error: TokenRequestError) => void;
  fetch?: typeof fetch;
}

/** A token that can be used now. */
export interface UsableToken {
  readonly value: string;
  readonly type: 'Bearer' | 'DPoP';
  readonly scope: string;
  readonly expiresAt: Date;
}

/**
 * Gives a token that is good now, other than `refused`.
 *
 * @throws (the function) TokenRequestError
 *
 * @internal
 */
export type TokenSource = (target: TokenTarget, refused?: string) => Promise<UsableToken>;

interface Held extends UsableToken {
  /** By the monotonic clock, in milliseconds. */
  readonly endsAt: number;
  /** Before it, by as much as the way may take. */
  readonly usedUntil: number;
  readonly renewAt: number;
}

interface Slot {
  held?: Held;
  renewal?: Promise<Held> | undefined;
  failures: number;
  /** Nothing is asked before this, by the monotonic clock. */
  notBefore: number;
  lastFailure?: TokenRequestError;
}

/** A token that ends within this time, or the last tenth of its life, may end on its way. */
const onItsWayMs = 2_000;

/** However long before its end a token is to be renewed, it is used for this time. */
const leastUseMs = 1_000;

/** More targets than a service has: those who make them up get no more memory. */
const maxSlots = 1_000;

const backoffMs = { first: 250, most: 30_000 } as const;

/** Makes one. @throws TypeError @internal */
export function tokenSource(options: TokenManagerOptions, dpop: DpopKey | undefined): TokenSource {
  const endpoint = endpointOf(options, dpop);
  const slots = expiringMap<Slot>(maxSlots);

  const renew = (slot: Slot, target: TokenTarget): Promise<Held> => {
    slot.renewal ??= ask(endpoint, options, target)
      .then(
        (held) => {
          Object.assign(slot, { held, failures: 0, notBefore: 0 });
          return held;
        },
        (cause: unknown) => {
          const error = asTokenRequestError(cause);
          slot.failures += 1;
          slot.notBefore = monotonic() + pauseAfter(slot.failures, error);
          slot.lastFailure = error;
          if (isAlive(slot.held)) tell(options.onRenewalFailure, error);
          throw error;
        },
      )
      .finally(() => {
        slot.renewal = undefined;
      });
    return slot.renewal;
  };
  /** A renewal, unless one failed a moment ago. */
  const renewed = async (slot: Slot, target: TokenTarget): Promise<Held> => {
    if (slot.renewal === undefined && monotonic() < slot.notBefore) throw slot.lastFailure;
    return renew(slot, target);
  };
  return async (target, refused) => {
    const slot = slotOf(slots, target);
    const { held } = slot;
    if (refused !== undefined) return isAlive(held) && held.value !== refused ? held : renewed(slot, target);
    const now = monotonic();
    if (held !== undefined && now < held.usedUntil) {
      if (now >= held.renewAt && now >= slot.notBefore) void renew(slot, target).catch(() => undefined);
      return held;
    }
    const renewal = renewed(slot, target).catch((error: unknown) => {
      if (isAlive(held)) return held;
      throw error;
    });
    // A server that hangs must not keep it until it is dead.
    return isAlive(held) ? unlessLate(renewal, (held.endsAt - now) / 2, held) : renewal;
  };
}

function endpointOf(options: TokenManagerOptions, dpop: DpopKey | undefined): TokenEndpoint {
  const { credentials, issuer = '', tokenUrl = `${issuer}/oauth/token`, timeoutMs = 5_000 } = options;
  if (!issuer && (options.tokenUrl === undefined || 'privateKey' in credentials)) {
    throw new TypeError('the issuer is missing');
  }
  const authenticate = authenticator(credentials, issuer);
  return { tokenUrl, authenticate, dpop, timeoutMs, fetch: options.fetch };
}

function slotOf(slots: ExpiringMap<Slot>, { scope, resource = [] }: TokenTarget): Slot {
  const key = JSON.stringify([scope ?? null, [resource].flat().toSorted()]);
  const slot = slots.get(key) ?? { failures: 0, notBefore: 0 };
  slots.set(key, slot);
  return slot;
}

function isAlive(held: Held | undefined): held is Held {
  return held !== undefined && monotonic() < held.endsAt;
}

async function ask(endpoint: TokenEndpoint, options: TokenManagerOptions, target: TokenTarget): Promise<Held> {
  const { renewAt = 0.8, renewLeadSeconds = Infinity } = options;
  const begun = monotonic();
  const asked = Date.now();
  const { expiresIn, ...token } = await requestToken(endpoint, target);
  const life = expiresIn * 1000;
  const rest = life - renewLeadSeconds * 1000;
  const after = rest > 0 ? Math.max(leastUseMs, rest) : life * (renewAt - Math.random() * 0.1);
  return {
    ...token,
    expiresAt: new Date(asked + life),
    endsAt: begun + life,
    usedUntil: begun + life - Math.min(onItsWayMs, life / 10),
    renewAt: begun + after,
  };
}

/** Everything that goes wrong has its pause, a key that cannot sign included. */
function asTokenRequestError(cause: unknown): TokenRequestError {
  if (cause instanceof TokenRequestError) return cause;
  return new TokenRequestError(`no token: ${String(cause)}`, 'request_failed', false, undefined, { cause });
}

/** Doubling, between half of it and all of it, and never less than the server asked for. */
function pauseAfter(failures: number, { retryAfterMs = 0, transient }: TokenRequestError): number {
  const most = transient ? backoffMs.most : backoffMs.most * 2;
  const doubled = Math.min(most, backoffMs.first * 2 ** (failures - 1));
  return Math.max(retryAfterMs, doubled * (0.5 + Math.random() / 2));
}
