import { ExpiringMap } from './expiring-map.js';
import type { VerifiedToken } from './access-token.js';

/** An event of the server, as its receivers get it: the members that matter here. */
export interface SecurityEvent {
  readonly type: string;
  readonly time?: string | undefined;
  readonly data?: unknown;
}

/** What is remembered: as long as any token may live. */
const rememberedMs = 86_400_000;

const capacity = 100_000;

interface Cut {
  readonly epoch: bigint;
  /** Seconds: tokens that were issued before are dead, those of this very second may be. */
  readonly at: number;
}

/** What revocation events have said; they may come late, twice, or in another order. @internal */
export class Revocations {
  private readonly tokens = new ExpiringMap<true>(capacity);
  private readonly clients = new ExpiringMap<Cut>(capacity);
  private readonly keys = new ExpiringMap<true>(1_000);
  /** Raised by each event that takes something away. */
  generation = 0;

  /**
   * Takes an event.
   *
   * @returns whether it takes something away: what was cached of it must go
   */
  take(event: SecurityEvent): boolean {
    const taken = this.takeData(event.type, event, asRecord(event.data));
    if (taken) this.generation += 1;
    return taken;
  }

  private takeData(type: string, event: SecurityEvent, data: Record<string, unknown>): boolean {
    const clientId = data['client_id'];
    switch (type) {
      case 'oauth.key.revoked':
        return typeof data['kid'] === 'string' && this.add(this.keys, data['kid']);
      case 'oauth.token.revoked':
        if (typeof data['jti'] === 'string') return this.add(this.tokens, data['jti']);
        return typeof clientId === 'string' && this.cut(clientId, event, data['epoch']);
      case 'oauth.client.disabled':
      case 'oauth.client.deleted':
        return typeof clientId === 'string' && this.cut(clientId, event, data['epoch']);
      default:
        return false;
    }
  }

  /** `dead`, or `unsure`: of the very second of a cut, which only the server can tell. */
  verdict({ jti, kid, clientId, issuedAt }: VerifiedToken): 'dead' | 'unsure' | 'unknown' {
    if (this.tokens.get(jti) === true || this.keys.get(kid) === true) return 'dead';
    const cut = this.clients.get(clientId);
    if (cut === undefined) return 'unknown';
    const issued = issuedAt.getTime() / 1000;
    if (issued < cut.at) return 'dead';
    return issued === cut.at ? 'unsure' : 'unknown';
  }

  private add(map: ExpiringMap<true>, key: string): boolean {
    map.set(key, true, rememberedMs);
    return true;
  }

  private cut(clientId: string, { time }: SecurityEvent, epoch: unknown): boolean {
    const cut = {
      epoch: BigInt(/^\d{1,18}$/.test(String(epoch)) ? String(epoch) : 0),
      at: Math.floor(secondsOf(time)),
    };
    const known = this.clients.get(clientId);
    if (known !== undefined && known.epoch >= cut.epoch && known.at >= cut.at) return false;
    this.clients.set(clientId, cut, rememberedMs);
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
