import { type Lane, lanes } from '../records/index.js';
import type { DeliveryMeasures } from './delivery-measures.js';

/** Lanes at once in this process. They wait for others most of the time. */
export const concurrency: Readonly<Record<Lane, number>> = { security: 64, state: 64, bulk: 128 };

/** How many turns may go on beside those that hold a place, as a multiple of the places. */
const asideFactor = 4;

/** How long the requests of a turn are waited for in its place while every place is taken, in milliseconds. */
const silentAtMostMs = 150;

const lookEveryMs = 50;

/** What holds a place. */
export interface PlacedTurn {
  /** How long its requests have been waiting for anything to happen, in milliseconds; 0 when it has none. */
  readonly silentMs: number;
}

/** The place of a turn. */
export interface Place {
  readonly lane: Lane;
  readonly slow: boolean;
  readonly turn: PlacedTurn;
  /** It has given its place to others, and goes on beside them. */
  aside: boolean;
  /** To be called when that happens. */
  readonly onAside: () => void;
}

/**
 * The places in which this process works on lanes. What is known to be slow never gets more than half of those of a lane. When all
 * are taken, whoever only waits for its endpoint gives its place up: so endpoints that begin to hang at the same moment delay
 * the others for a moment, and not until they are known to be slow.
 */
export class LanePlaces {
  private readonly held = new Map<Lane, Set<Place>>(lanes.map((lane) => [lane, new Set<Place>()]));
  private readonly aside = new Map<Lane, Set<Place>>(lanes.map((lane) => [lane, new Set<Place>()]));
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly measures: DeliveryMeasures) {}

  /** Begins to look for turns that can give up their places. */
  open(): void {
    this.timer ??= setInterval(() => this.makeRoom(), lookEveryMs).unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Whether others may be waiting for a place of this lane. */
  isFull(lane: Lane): boolean {
    return this.of(this.held, lane).size >= concurrency[lane];
  }

  /** Whether slow endpoints have as many turns of this lane under way as they may. */
  hasEnoughSlow(lane: Lane): boolean {
    const turns = [...this.of(this.held, lane), ...this.of(this.aside, lane)];
    return turns.filter(({ slow }) => slow).length >= concurrency[lane] / 2;
  }

  /** Gives a turn its place. */
  take(place: Omit<Place, 'aside'>): Place {
    const taken = { ...place, aside: false };
    this.of(this.held, place.lane).add(taken);
    this.measures.lane(place.lane, 1);
    return taken;
  }

  /** The turn is over. */
  leave(place: Place): void {
    if (this.of(this.held, place.lane).delete(place)) this.measures.lane(place.lane, -1);
    this.of(this.aside, place.lane).delete(place);
  }

  private makeRoom(): void {
    for (const lane of lanes) {
      if (!this.isFull(lane)) continue;
      for (const place of this.of(this.held, lane)) {
        if (this.of(this.aside, lane).size >= asideFactor * concurrency[lane]) break;
        if (place.turn.silentMs >= silentAtMostMs) this.setAside(place);
      }
    }
  }

  private setAside(place: Place): void {
    this.leave(place);
    this.of(this.aside, place.lane).add(place);
    place.aside = true;
    place.onAside();
  }

  private of(places: ReadonlyMap<Lane, Set<Place>>, lane: Lane): Set<Place> {
    return places.get(lane) ?? new Set();
  }
}
