import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../clock/index.js';
import { Egress, EgressError, type EgressErrorCode } from '../../egress/index.js';
import { JsonFault, parseStrictJson } from '../../protocol/index.js';
import { readJwks } from '../client-jwks.js';
import type { Jwks } from '../client.js';

/** There are no keys that could be relied on: the URI was not reached for too long, or what is there is no key set. */
export class KeySetUnavailable extends Error {
  constructor(
    readonly reason: EgressErrorCode | 'invalid_key_set',
    cause?: unknown,
  ) {
    super('the key set of the client cannot be had', { cause });
    this.name = 'KeySetUnavailable';
  }
}

/** Milliseconds; security.md D3. */
const times = {
  /** How long a set is relied on: as long as its `Cache-Control` says, within these bounds; the longest without it. */
  fresh: { least: 30_000, most: 300_000 },
  /** How long a set is relied on when the URI fails. */
  stale: 900_000,
  /** Between two requests for the sake of a `kid` that is not in the set. */
  betweenForced: 30_000,
  /** A URI that failed is left alone. */
  afterFailure: 10_000,
  request: 5_000,
  /** How long a client is kept waiting for a request: with a set to go on with that could do, and without one. */
  patience: { withSet: 500, withoutSet: 1_500 },
};

const maxBytes = 65_536;
const maxKeys = 20;

/** Sets that are kept; the one that was used longest ago leaves first. */
const capacity = 1_000;

interface Entry {
  /** The set as it was, and when it was asked for. */
  known?: { readonly jwks: Jwks; readonly fetchedAt: number; readonly freshForMs: number };
  failed?: { readonly error: KeySetUnavailable; readonly at: number };
  forcedAt?: number;
  fetching?: Fetching;
}

/** A request on its way: each is over when it is, or when it has taken too long for whoever waits. */
interface Fetching {
  readonly withSet: Promise<void>;
  readonly withoutSet: Promise<void>;
}

/**
 * The key sets that clients publish at their `jwks_uri` (RFC 7591 §2). A key that is removed there is gone 300 seconds later at
 * the latest; when the URI fails, or takes its time, the keys are good for 15 minutes after they were fetched. Whoever asks has
 * checked all that costs nothing: anybody can make the server ask, though only for URIs that are registered, and not often.
 */
@Injectable()
export class RemoteKeySets {
  private readonly entries = new Map<string, Entry>();

  constructor(
    @Inject(Egress) private readonly egress: Egress,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * The public keys at `uri` that this platform can use; the same object as long as nothing was fetched.
   *
   * @param keyId the `kid` that is looked for: where it is not in the set, the set is fetched once more, if that was not done
   *   just now
   * @throws KeySetUnavailable
   */
  async keySet(uri: string, keyId?: string): Promise<Jwks> {
    const entry = this.use(uri);
    const fresh = this.within(entry.known?.fetchedAt, entry.known?.freshForMs ?? 0) ? entry.known : undefined;
    if (fresh === undefined) await this.refresh(uri, entry, keyId);
    else if (keyId !== undefined && !holds(fresh.jwks, keyId)) await this.force(uri, entry, keyId);
    const known = this.reliable(entry);
    if (known !== undefined) return known;
    throw entry.failed?.error ?? new KeySetUnavailable('timeout');
  }

  /** What may be gone on with, if the URI fails as well. */
  private reliable({ known }: Entry): Jwks | undefined {
    return known !== undefined && this.within(known.fetchedAt, times.stale) ? known.jwks : undefined;
  }

  private use(uri: string): Entry {
    const entry = this.entries.get(uri) ?? {};
    this.entries.delete(uri);
    this.entries.set(uri, entry);
    if (this.entries.size > capacity) {
      const oldest = this.entries.keys().next();
      if (oldest.done !== true) this.entries.delete(oldest.value);
    }
    return entry;
  }

  private async force(uri: string, entry: Entry, keyId: string): Promise<void> {
    if (entry.fetching === undefined) {
      if (this.within(entry.forcedAt, times.betweenForced)) return;
      entry.forcedAt = this.clock.now();
    }
    await this.refresh(uri, entry, keyId);
  }

  /**
   * One request at a time for each URI, and none for a while after one that failed. One that takes its time goes on when nobody
   * waits for it any more: what it brings is for those who come after.
   */
  private async refresh(uri: string, entry: Entry, keyId: string | undefined): Promise<void> {
    if (entry.fetching === undefined && this.within(entry.failed?.at, times.afterFailure)) return;
    entry.fetching ??= this.begin(uri, entry);
    const known = this.reliable(entry);
    const couldDo = known !== undefined && (keyId === undefined || holds(known, keyId));
    await (couldDo ? entry.fetching.withSet : entry.fetching.withoutSet);
  }

  private begin(uri: string, entry: Entry): Fetching {
    const done = this.fetch(uri, entry).finally(() => (entry.fetching = undefined));
    const { withSet, withoutSet } = times.patience;
    return { withSet: atMost(done, withSet), withoutSet: atMost(done, withoutSet) };
  }

  private async fetch(uri: string, entry: Entry): Promise<void> {
    const fetchedAt = this.clock.now();
    try {
      const { status, headers, body } = await this.egress.request(uri, {
        headers: { accept: 'application/jwk-set+json, application/json', 'cache-control': 'no-cache' },
        timeoutMs: times.request,
        maxBytes,
      });
      if (status !== 200) throw new KeySetUnavailable('invalid_key_set', new Error(`status ${status}`));
      entry.known = {
        jwks: readKeySet(body),
        fetchedAt,
        freshForMs: freshness([headers['cache-control'] ?? []].flat().join(', ')),
      };
      entry.failed = undefined;
    } catch (error) {
      entry.failed = { error: unavailable(error), at: this.clock.now() };
    }
  }

  /** Whether less than `span` has passed; a clock that was set back passes nothing on. */
  private within(since: number | undefined, span: number): boolean {
    if (since === undefined) return false;
    const passed = this.clock.now() - since;
    return passed >= 0 && passed < span;
  }
}

/** Resolves with `done`, or after so many milliseconds. */
function atMost(done: Promise<unknown>, milliseconds: number): Promise<void> {
  const waited = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    done.then(() => resolve(), reject).finally(() => clearTimeout(timer));
  });
  // It may be that nobody waits for so long.
  waited.catch(() => undefined);
  return waited;
}

function holds({ keys }: Jwks, keyId: string): boolean {
  return keys.some(({ kid }) => kid === keyId);
}

/**
 * Reads a key set (RFC 7517 §5). Keys that are private, unknown or unusable here are not in the result, nor is anything else
 * that the set holds; a set without keys is one.
 */
function readKeySet(body: Uint8Array): Jwks {
  const value = parseStrictJson(body);
  const keys: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'keys') : undefined;
  if (!Array.isArray(keys) || keys.length > maxKeys || !keys.every(isObject)) {
    throw new KeySetUnavailable('invalid_key_set');
  }
  return { keys: keys.filter(isUsable) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isUsable(key: Record<string, unknown>): boolean {
  let usable = true;
  readJwks({ keys: [key] }, '', () => (usable = false));
  return usable;
}

/** RFC 9111 §5.2.2, for one who reads again sooner than told but never much later. */
function freshness(cacheControl: string): number {
  const { least, most } = times.fresh;
  if (/(^|[\s,])no-(store|cache)\b/i.test(cacheControl)) return least;
  const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl)?.[1];
  return maxAge === undefined ? most : Math.min(most, Math.max(least, Number(maxAge) * 1_000));
}

function unavailable(error: unknown): KeySetUnavailable {
  if (error instanceof KeySetUnavailable) return error;
  if (error instanceof EgressError) return new KeySetUnavailable(error.code, error);
  if (error instanceof JsonFault) return new KeySetUnavailable('invalid_key_set', error);
  throw error;
}
