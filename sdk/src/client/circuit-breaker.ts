import { CircuitOpenError } from './errors.js';

/** When an origin is left alone. */
export interface BreakerOptions {
  /** Failures in a row; 5 unless given. */
  readonly failures?: number;
  /** Milliseconds before one request may try again; 10000 unless given. */
  readonly pauseMs?: number;
}

interface Circuit {
  failures: number;
  openUntil: number;
  probing: boolean;
}

/** Leaves a failing origin alone, so that those who call it do not all wait for it; one request at a time tries again. @internal */
export class CircuitBreaker {
  readonly #circuits = new Map<string, Circuit>();
  readonly #most: number;
  readonly #pauseMs: number;

  constructor({ failures = 5, pauseMs = 10_000 }: BreakerOptions) {
    this.#most = failures;
    this.#pauseMs = pauseMs;
  }

  /** @throws CircuitOpenError */
  enter(origin: string): void {
    const circuit = this.#circuits.get(origin);
    if (circuit === undefined || circuit.failures < this.#most) return;
    if (circuit.probing || performance.now() < circuit.openUntil) throw new CircuitOpenError(origin);
    circuit.probing = true;
  }

  /**
   * @param failed whether the request failed: without an answer, or with one of 500 and above; `undefined` when it says nothing
   *   about the origin
   */
  leave(origin: string, failed: boolean | undefined): void {
    const circuit = this.#circuits.get(origin) ?? { failures: 0, openUntil: 0, probing: false };
    if (failed === false) this.#circuits.delete(origin);
    else if (failed === undefined) circuit.probing = false;
    else {
      this.#circuits.set(origin, {
        failures: circuit.failures + 1,
        openUntil: performance.now() + this.#pauseMs,
        probing: false,
      });
    }
  }
}
