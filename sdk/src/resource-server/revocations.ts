import { ExpiringMap } from './expiring-map.js';
import type { VerifiedToken } from './access-token.js';

/** An event of the server, as its receivers get it: the members that matter here. */
export interface SecurityEvent {
  readonly type: string;
  /** Believed when it is the issuer, or absent. */
  readonly source?: string | undefined;
  readonly time?: string | undefined;
  readonly data?: unknown;
}

/** What is remembered: as long as any token may live, and clocks differ. */
const rememberedMs = 90_000_000;

const maxRevocations = 100_000;

interface Cut {
  readonly epoch: bigint;
  /** Seconds: tokens that were issued before are dead, those of this very second may be. */
  readonly at: number;
}

/** What revocation events have said; they may come late, twice, or in another order. @internal */
export class Revocations {
  readonly #tokens = new ExpiringMap<true>(maxRevocations);
  readonly #clients = new ExpiringMap<Cut>(maxRevocations);
  readonly #keys = new ExpiringMap<true>(1_000);
  /** Raised by each event that takes something away. */
  generation = 0;

  /**
   * Takes an event.
   *
   * @returns whether it takes something away: what was cached of it must go
   */
  take(event: SecurityEvent): boolean {
    const taken = this.#takeData(event.type, event, asRecord(event.data));
    if (taken) this.generation += 1;
    return taken;
  }

  #takeData(type: string, event: SecurityEvent, data: Record<string, unknown>): boolean {
    const clientId = data['client_id'];
    switch (type) {
      case 'oauth.key.revoked':
        return typeof data['kid'] === 'string' && this.#add(this.#keys, data['kid']);
      case 'oauth.token.revoked':
        if (typeof data['jti'] === 'string') return this.#add(this.#tokens, data['jti']);
        return typeof clientId === 'string' && this.#cut(clientId, event, data['epoch']);
      case 'oauth.client.disabled':
      case 'oauth.client.deleted':
        return typeof clientId === 'string' && this.#cut(clientId, event, data['epoch']);
      default:
        return false;
    }
  }

  /** `dead`, or `unsure`: of the very second of a cut, which only the server can tell. */
  verdict({ jti, kid, clientId, issuedAt }: VerifiedToken): 'dead' | 'unsure' | 'unknown' {
    if (this.#tokens.get(jti) === true || this.#keys.get(kid) === true) return 'dead';
    const cut = this.#clients.get(clientId);
    if (cut === undefined) return 'unknown';
    const issued = issuedAt.getTime() / 1000;
    if (issued < cut.at) return 'dead';
    return issued === cut.at ? 'unsure' : 'unknown';
  }

  #add(map: ExpiringMap<true>, key: string): boolean {
    map.set(key, true, rememberedMs);
    return true;
  }

  #cut(clientId: string, { time }: SecurityEvent, epoch: unknown): boolean {
    const known = this.#clients.get(clientId);
    const told = BigInt(/^\d{1,18}$/.test(String(epoch)) ? String(epoch) : 0);
    const at = Math.floor(secondsOf(time));
    if (known !== undefined && known.epoch >= told && known.at >= at) return false;
    // An event that comes late moves no cut back.
    const cut = known === undefined || known.epoch < told ? told : known.epoch;
    this.#clients.set(clientId, { epoch: cut, at: Math.max(at, known?.at ?? 0) }, rememberedMs);
    return true;
  }
}

function secondsOf(time: string | undefined): number {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return (Number.isNaN(ms) ? Date.now() : ms) / 1000;
}

function asRecord(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
}
