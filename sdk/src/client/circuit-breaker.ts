import { CircuitOpenError } from './errors.js';
import { monotonic } from './monotonic.js';

/** When an origin is left alone. */
export interface BreakerOptions {
  /** Failures in a row; 5 unless given. */
  failures?: number;
  /** Milliseconds before one request may try again; 10000 unless given. */
  pauseMs?: number;
}

interface Circuit {
  failures: number;
  openUntil: number;
  probing: boolean;
}

/** Leaves a failing origin alone, so that those who call it do not all wait for it; one request at a time tries again. @internal */
export interface CircuitBreaker {
  /** @throws CircuitOpenError */
  enter(origin: string): void;
  /**
   * @param failed whether the request failed: without an answer, or with one of 500 and above; `undefined` when it says nothing
   *   about the origin
   */
  leave(origin: string, failed: boolean | undefined): void;
}

/** Makes one. @internal */
export function circuitBreaker({ failures: most = 5, pauseMs = 10_000 }: BreakerOptions): CircuitBreaker {
  const circuits = new Map<string, Circuit>();
  return {
    enter: (origin) => {
      const circuit = circuits.get(origin);
      if (circuit === undefined || circuit.failures < most) return;
      if (circuit.probing || monotonic() < circuit.openUntil) throw new CircuitOpenError(origin);
      circuit.probing = true;
    },
    leave: (origin, failed) => {
      const circuit = circuits.get(origin) ?? { failures: 0, openUntil: 0, probing: false };
      if (failed === false) circuits.delete(origin);
      else if (failed === undefined) circuit.probing = false;
      else {
        const failures = circuit.failures + 1;
        circuits.set(origin, { failures, openUntil: monotonic() + pauseMs, probing: false });
      }
    },
  };
}
