import { createHmac, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { DerivedKeys } from '../encryption/index.js';

/** A nonce is the current one for this long. */
const stepSeconds = 100;

/** How many nonces before the current one are taken: a nonce lives for 200 to 300 seconds after it was sent. */
const earlierSteps = 2;

/** How many after it: the clock of the process that sent it may be ahead of ours. */
const laterSteps = 1;

const macBytes = 16;

/**
 * The nonces that DPoP proofs are to hold (RFC 9449 §8). Nothing is kept: a nonce is a MAC over its step of time, so that every
 * process on this database sends the same ones and takes those of the others.
 */
@Injectable()
export class DpopNonces {
  private readonly key: Buffer;
  private known: { readonly step: number; readonly nonces: readonly Buffer[] } | undefined;

  constructor(
    @Inject(DerivedKeys) keys: DerivedKeys,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    this.key = keys.derive('dpop-nonce-v1');
  }

  /** The nonce to send now, 22 characters of base64url. */
  current(): string {
    return (this.window()[laterSteps] ?? Buffer.alloc(0)).toString();
  }

  /** Whether a nonce is of this server and not too old. */
  accepts(nonce: string): boolean {
    const bytes = Buffer.from(nonce);
    return this.window().some((one) => one.length === bytes.length && timingSafeEqual(one, bytes));
  }

  /** The nonces of this moment, the latest first. */
  private window(): readonly Buffer[] {
    const step = Math.floor(this.clock.now() / (stepSeconds * 1000));
    if (this.known?.step !== step) {
      const steps = Array.from({ length: laterSteps + 1 + earlierSteps }, (_, index) => step + laterSteps - index);
      this.known = { step, nonces: steps.map((one) => this.nonceOf(one)) };
    }
    return this.known.nonces;
  }

  private nonceOf(step: number): Buffer {
    const mac = createHmac('sha256', this.key).update(String(step)).digest();
    return Buffer.from(mac.subarray(0, macBytes).toString('base64url'));
  }
}
