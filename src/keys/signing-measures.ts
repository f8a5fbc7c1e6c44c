import { Inject, Injectable } from '@nestjs/common';
import { type Family, type Histogram, Measurements } from '../measurements/index.js';
import type { SigningAlg } from './signing-key.js';

/** How long signatures take. */
@Injectable()
export class SigningMeasures {
  private readonly durations: Family<Histogram>;

  constructor(@Inject(Measurements) measurements: Measurements) {
    this.durations = measurements.histograms({
      name: 'signet_signing_duration_seconds',
      help: 'Time to sign a token, the wait for a thread included.',
      labels: ['alg'],
      bounds: [
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1,
      ],
    });
  }

  /** What takes the milliseconds of each signature with keys of `alg`. */
  of(alg: SigningAlg): (durationMs: number) => void {
    const duration = this.durations.of(alg);
    return (durationMs) => duration.observe(durationMs / 1_000);
  }
}
