import { Injectable } from '@nestjs/common';

/** Whose workers send a delivery: news about revocation never waits behind anything else. */
export type Lane = 'security' | 'state' | 'bulk';

/** Every lane, the most urgent first. */
export const lanes: readonly Lane[] = ['security', 'state', 'bulk'];

/** Changes that take something away, or that a verifier must follow at once. */
const securityTypes: ReadonlySet<string> = new Set([
  'oauth.client.disabled',
  'oauth.client.deleted',
  'oauth.client.updated',
  'oauth.client.secret_regenerated',
  'oauth.token.revoked',
  'oauth.key.rotated',
  'oauth.key.revoked',
]);

/** The lane of an event by its type; only the server itself publishes types that have another one than `bulk`. */
export function laneOf(type: string): Lane {
  if (securityTypes.has(type)) return 'security';
  return type === 'state.changed' ? 'state' : 'bulk';
}

/** Deliveries of one subscription that are due, or may be. */
export interface LaneWork {
  readonly subscriptionId: string;
  readonly lane: Lane;
}

/**
 * Says in this process that deliveries have become due, so that they are sent at once and not at the next sweep. A hint: nothing
 * is lost with it.
 */
@Injectable()
export class LaneSignal {
  private readonly listeners = new Set<(work: LaneWork) => void>();

  /** Calls every listener, synchronously. */
  raise(work: LaneWork): void {
    for (const listener of this.listeners) listener(work);
  }

  /** @returns what ends the listening */
  onRaised(listener: (work: LaneWork) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
