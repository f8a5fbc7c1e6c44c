import type { ServiceCredentials } from './credentials.js';
import { DpopKey } from './dpop.js';
import { readEnvironment } from './environment.js';
import { TokenRequestError } from './errors.js';
import { requestToken, type TokenEndpoint, type TokenTarget } from './token-request.js';

/** How a {@link TokenManager} works. */
export interface TokenManagerOptions {
  /** Issuer identifier of the server, such as `https://signet.example.com`. */
  readonly issuer?: string;
  /** The token endpoint; `<issuer>/oauth/token` unless given. */
  readonly tokenUrl?: string;
  readonly credentials: ServiceCredentials;
  /** Binds the tokens to a key of this process (RFC 9449). */
  readonly dpop?: boolean;
  /** Fraction of its life after which a token is renewed, 0.8 unless given; up to a tenth of it earlier, by chance. */
  readonly renewAt?: number;
  /** Seconds before its end at which a token is renewed instead, such as 1800. */
  readonly renewLeadSeconds?: number;
  /** For one request of a token, in milliseconds; 5000 unless given. */
  readonly timeoutMs?: number;
  /** Is told of each renewal that failed while the old token was still good. */
  readonly onRenewalFailure?: (error: TokenRequestError) => void;
  readonly fetch?: typeof fetch;
}

/** A token that can be used now. */
export interface UsableToken {
  readonly value: string;
  readonly type: 'Bearer' | 'DPoP';
  readonly scope: string;
  readonly expiresAt: Date;
}

interface Held extends UsableToken {
  /** By the monotonic clock, in milliseconds. */
  readonly endsAt: number;
  /** Before it, by as much as the way may take. */
  readonly usedUntil: number;
  readonly renewAt: number;
}

interface Slot {
  held: Held | undefined;
  renewal: Promise<Held> | undefined;
  failures: number;
  /** Nothing is asked before this, by the monotonic clock. */
  notBefore: number;
  lastFailure: TokenRequestError | undefined;
}

/** A token that ends within this time, or the last tenth of its life, may end on its way. */
const onItsWayMs = 2_000;

/** More targets than a service has: those who make them up get no more memory. */
const maxSlots = 1_000;

const backoffMs = { first: 250, most: 30_000 } as const;

/**
 * Keeps the tokens of a service: one per scope and resource, asked for once however many wait for it, renewed ahead of its end
 * while the old one goes on serving, and asked for less and less often while the server fails.
 */
export class TokenManager {
  readonly #slots = new Map<string, Slot>();
  readonly #options: TokenManagerOptions | undefined;
  readonly #fixed: string | undefined;
  #dpopKey: Promise<DpopKey> | undefined;

  /** @throws TypeError without an issuer and a token endpoint; an assertion needs the issuer */
  constructor(options: TokenManagerOptions | { readonly token: string }) {
    if ('token' in options) {
      this.#fixed = options.token;
      return;
    }
    if (options.issuer === undefined && (options.tokenUrl === undefined || 'privateKey' in options.credentials)) {
      throw new TypeError('the issuer is missing');
    }
    this.#options = options;
  }

  /**
   * Reads `SERVICE_TOKEN`, or `SERVICE_TOKEN_URL`, `SERVICE_CLIENT_ID` and `SERVICE_CLIENT_SECRET`.
   *
   * @throws TypeError that names what is missing
   */
  static fromEnvironment(
    env: Readonly<Record<string, string | undefined>> = process.env,
    options: Omit<TokenManagerOptions, 'credentials' | 'tokenUrl'> = {},
  ): TokenManager {
    const read = readEnvironment(env);
    return new TokenManager('token' in read ? read : { ...options, ...read });
  }

  /**
   * A token that is good now. While it lives, a failing renewal fails nobody.
   *
   * @throws TokenRequestError when there is none and none can be had
   */
  async token(target: TokenTarget = {}): Promise<UsableToken> {
    if (this.#fixed !== undefined)
      return { value: this.#fixed, type: 'Bearer', scope: '', expiresAt: new Date(8.64e15) };
    const slot = this.#slotOf(target);
    const now = performance.now();
    const { held } = slot;
    if (held !== undefined && now < held.usedUntil) {
      if (now >= held.renewAt && now >= slot.notBefore) void this.#renew(slot, target).catch(() => undefined);
      return held;
    }
    return this.#renewed(slot, target).catch((error: unknown) => {
      if (held !== undefined && performance.now() < held.endsAt) return held;
      throw error;
    });
  }

  /**
   * A token other than `refused`, which an API did not take: of all who were refused with it, one asks.
   *
   * @throws TokenRequestError
   */
  async replace(refused: string, target: TokenTarget = {}): Promise<UsableToken> {
    if (this.#fixed !== undefined) return this.token(target);
    const slot = this.#slotOf(target);
    if (slot.held !== undefined && slot.held.value !== refused && performance.now() < slot.held.endsAt)
      return slot.held;
    return this.#renewed(slot, target);
  }

  /** The headers that go with a request: the token, and the proof that it is ours where it is bound. */
  async headers(method: string, url: string, token: UsableToken): Promise<Record<string, string>> {
    if (token.type === 'Bearer') return { authorization: `Bearer ${token.value}` };
    const key = await this.#keyOf();
    return { authorization: `DPoP ${token.value}`, dpop: await key.proof(method, url, token.value) };
  }

  /** Remembers the DPoP nonce of an API. @returns whether there was a new one */
  async takeNonce(url: string, headers: Headers): Promise<boolean> {
    return this.#dpopKey === undefined ? false : (await this.#dpopKey).takeNonce(url, headers);
  }

  #slotOf({ scope, resource }: TokenTarget): Slot {
    const key = JSON.stringify([scope ?? null, resource === undefined ? [] : [resource].flat().toSorted()]);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { held: undefined, renewal: undefined, failures: 0, notBefore: 0, lastFailure: undefined };
      const [oldest] = this.#slots.keys();
      if (oldest !== undefined && this.#slots.size >= maxSlots) this.#slots.delete(oldest);
      this.#slots.set(key, slot);
    }
    return slot;
  }

  /** A renewal, unless one failed a moment ago. */
  async #renewed(slot: Slot, target: TokenTarget): Promise<Held> {
    if (slot.renewal === undefined && performance.now() < slot.notBefore && slot.lastFailure !== undefined)
      throw slot.lastFailure;
    return this.#renew(slot, target);
  }

  #renew(slot: Slot, target: TokenTarget): Promise<Held> {
    slot.renewal ??= this.#ask(target).then(
      (held) => {
        Object.assign(slot, { held, renewal: undefined, failures: 0, notBefore: 0, lastFailure: undefined });
        return held;
      },
      (cause: unknown) => {
        const error = asTokenRequestError(cause);
        const failures = slot.failures + 1;
        const notBefore = performance.now() + pauseAfter(failures, error);
        Object.assign(slot, { renewal: undefined, failures, notBefore, lastFailure: error });
        if (slot.held !== undefined && performance.now() < slot.held.endsAt) this.#report(error);
        throw error;
      },
    );
    return slot.renewal;
  }

  /** What the service does with the news must not become the failure of a caller. */
  #report(error: TokenRequestError): void {
    try {
      this.#options?.onRenewalFailure?.(error);
    } catch {
      // Its own affair.
    }
  }

  async #ask(target: TokenTarget): Promise<Held> {
    const begun = performance.now();
    const asked = Date.now();
    const { value, type, scope, expiresIn } = await requestToken(await this.#endpoint(), target);
    const expiresAt = new Date(asked + expiresIn * 1000);
    return { value, type, scope, expiresAt, ...this.#termsOf(begun, expiresIn) };
  }

  async #endpoint(): Promise<TokenEndpoint> {
    const options = this.#options;
    if (options === undefined) throw new TypeError('a fixed token cannot be renewed');
    const issuer = options.issuer ?? '';
    return {
      issuer,
      tokenUrl: options.tokenUrl ?? `${issuer}/oauth/token`,
      credentials: options.credentials,
      dpop: options.dpop === true ? await this.#keyOf() : undefined,
      timeoutMs: options.timeoutMs ?? 5_000,
      fetch: options.fetch ?? fetch,
    };
  }

  #termsOf(begun: number, expiresIn: number): Pick<Held, 'endsAt' | 'usedUntil' | 'renewAt'> {
    const life = expiresIn * 1000;
    const { renewAt = 0.8, renewLeadSeconds } = this.#options ?? {};
    const after =
      renewLeadSeconds === undefined
        ? life * (renewAt - Math.random() * 0.1)
        : Math.max(life / 2, life - renewLeadSeconds * 1000);
    const endsAt = begun + life;
    return { endsAt, usedUntil: endsAt - Math.min(onItsWayMs, life / 10), renewAt: begun + after };
  }

  #keyOf(): Promise<DpopKey> {
    this.#dpopKey ??= DpopKey.generate();
    return this.#dpopKey;
  }
}

/** Everything that goes wrong has its pause, a key that cannot sign included. */
function asTokenRequestError(cause: unknown): TokenRequestError {
  if (cause instanceof TokenRequestError) return cause;
  return new TokenRequestError('the request of a token failed', 'request_failed', false, undefined, { cause });
}

/** Doubling, between half of it and all of it, and never less than the server asked for. */
function pauseAfter(failures: number, { retryAfterMs = 0, transient }: TokenRequestError): number {
  const most = transient ? backoffMs.most : backoffMs.most * 2;
  const doubled = Math.min(most, backoffMs.first * 2 ** (failures - 1));
  return Math.max(retryAfterMs, doubled * (0.5 + Math.random() / 2));
}
