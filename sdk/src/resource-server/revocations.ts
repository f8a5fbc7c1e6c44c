import { type ExpiringMap, expiringMap } from '../client/expiring-map.js';
import type { VerifiedToken } from './access-token.js';

/** An event of the server: the members that matter here. */
export interface SecurityEvent {
  type: string;
  /** Believed when it is the issuer, or absent. */
  source?: string | undefined;
  time?: string | undefined;
  data?: unknown;
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
export interface Revocations {
  /** Raised by each event that takes something away. */
  generation(): number;
  /**
   * Takes an event.
   *
   * @returns whether it takes something away: what was cached of it must go
   */
  take(event: SecurityEvent): boolean;
  /** `dead`, or `unsure`: of the very second of a cut, which only the server can tell. */
  verdict(token: VerifiedToken): 'dead' | 'unsure' | 'unknown';
}

/** Makes one. @internal */
export function revocations(): Revocations {
  const tokens = expiringMap<true>(maxRevocations);
  const clients = expiringMap<Cut>(maxRevocations);
  const keys = expiringMap<true>(1_000);
  let generation = 0;

  const add = (map: ExpiringMap<true>, key: string): boolean => {
    map.set(key, true, rememberedMs);
    return true;
  };
  const cut = (clientId: string, { time }: SecurityEvent, epoch: unknown): boolean => {
    const known = clients.get(clientId);
    const told = BigInt(/^\d{1,18}$/.test(String(epoch)) ? String(epoch) : 0);
    const at = Math.floor(secondsOf(time));
    if (known !== undefined && known.epoch >= told && known.at >= at) return false;
    // An event that comes late moves no cut back.
    const latest = known === undefined || known.epoch < told ? told : known.epoch;
    clients.set(clientId, { epoch: latest, at: Math.max(at, known?.at ?? 0) }, rememberedMs);
    return true;
  };
  const takeData = (event: SecurityEvent, { kid, jti, client_id: clientId, epoch }: Record<string, unknown>) => {
    switch (event.type) {
      case 'oauth.key.revoked':
        return typeof kid === 'string' && add(keys, kid);
      case 'oauth.token.revoked':
        if (typeof jti === 'string') return add(tokens, jti);
        return typeof clientId === 'string' && cut(clientId, event, epoch);
      case 'oauth.client.disabled':
      case 'oauth.client.deleted':
        return typeof clientId === 'string' && cut(clientId, event, epoch);
      default:
        return false;
    }
  };
  return {
    generation: () => generation,
    take: (event) => {
      const taken = takeData(event, asRecord(event.data));
      if (taken) generation += 1;
      return taken;
    },
    verdict: ({ jti, kid, clientId, issuedAt }) => {
      if (tokens.get(jti) === true || keys.get(kid) === true) return 'dead';
      const known = clients.get(clientId);
      if (known === undefined) return 'unknown';
      const issued = issuedAt.getTime() / 1000;
      if (issued < known.at) return 'dead';
      return issued === known.at ? 'unsure' : 'unknown';
    },
  };
}

function secondsOf(time: string | undefined): number {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return (Number.isNaN(ms) ? Date.now() : ms) / 1000;
}

function asRecord(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
}
