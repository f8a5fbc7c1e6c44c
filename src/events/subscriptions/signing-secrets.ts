import { Inject, Injectable } from '@nestjs/common';
import { Postgres } from '../../database/index.js';
import { DerivedKeys } from '../../encryption/index.js';
import { openSigningKey } from './signing-secret.js';

interface Row {
  readonly id: string;
  readonly ciphertext: Buffer;
}

interface Known {
  readonly keys: readonly Buffer[];
  /** Of the subscription, as the sender saw it; undefined where it did not say. */
  readonly version: string | undefined;
  readonly readAt: number;
}

const selectLive = `
  SELECT id, ciphertext FROM subscription_secrets
  WHERE subscription_id = $1::uuid AND (expires_at IS NULL OR expires_at > statement_timestamp())
  ORDER BY created_at DESC, id DESC`;

const freshMs = 1_000;

/** Subscriptions whose keys are kept; the one that was read longest ago leaves first. */
const capacity = 10_000;

/** The keys that sign deliveries, decrypted. */
@Injectable()
export class SigningSecrets {
  private readonly known = new Map<string, Known>();

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * The keys that sign the deliveries of a subscription now, the newest first; more than one while a rotation overlaps, none for
   * a subscription that was deleted. Up to a second old, and never older than `version`.
   *
   * @param version `version` of the subscription as the sender read it
   * @returns 32 bytes each, shared by all callers: not to be written to
   * @throws DatabaseUnavailable
   */
  async of(subscriptionId: string, version?: string): Promise<readonly Buffer[]> {
    const known = this.known.get(subscriptionId);
    const fresh = known !== undefined && performance.now() - known.readAt < freshMs;
    if (fresh && (version === undefined || known.version === version)) return known.keys;
    const readAt = performance.now();
    const values = [subscriptionId];
    const rows = await this.postgres.query<Row>({ name: 'signing_secrets', text: selectLive, values });
    const keys = rows.map(({ id, ciphertext }) => openSigningKey(this.derivedKeys, ciphertext, subscriptionId, id));
    this.known.delete(subscriptionId);
    this.known.set(subscriptionId, { keys, version, readAt });
    if (this.known.size > capacity) this.forgetOldest();
    return keys;
  }

  private forgetOldest(): void {
    const oldest = this.known.keys().next();
    if (oldest.done !== true) this.known.delete(oldest.value);
  }
}
