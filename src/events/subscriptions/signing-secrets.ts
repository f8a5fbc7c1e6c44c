import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '../../audit/index.js';
import { Postgres } from '../../database/index.js';
import { DecryptionFailed, DerivedKeys } from '../../encryption/index.js';
import { openSigningKey } from './signing-secret.js';
import { SigningSecretUnreadable } from './subscriptions.errors.js';

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

/** Between two audit entries of this process about a subscription whose secrets cannot be read, in milliseconds. */
const tellAgainMs = 60_000;

/** The keys that sign deliveries, decrypted. */
@Injectable()
export class SigningSecrets {
  private readonly known = new Map<string, Known>();
  private readonly told = new Map<string, number>();

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /**
   * The keys that sign the deliveries of a subscription now, the newest first; more than one while a rotation overlaps, none for
   * a subscription that was deleted. Up to a second old, and never older than `version`.
   *
   * @param version `version` of the subscription as the sender read it
   * @returns 32 bytes each, shared by all callers: not to be written to
   * @throws SigningSecretUnreadable when one was made for another row or was altered (security.md H-19); the audit log says so
   * @throws DatabaseUnavailable
   */
  async of(subscriptionId: string, version?: string): Promise<readonly Buffer[]> {
    const known = this.known.get(subscriptionId);
    const fresh = known !== undefined && performance.now() - known.readAt < freshMs;
    if (fresh && (version === undefined || known.version === version)) return known.keys;
    const readAt = performance.now();
    const values = [subscriptionId];
    const rows = await this.postgres.query<Row>({ name: 'signing_secrets', text: selectLive, values });
    const keys = await this.opened(subscriptionId, rows);
    this.known.delete(subscriptionId);
    this.known.set(subscriptionId, { keys, version, readAt });
    forgetOldest(this.known);
    return keys;
  }

  private async opened(subscriptionId: string, rows: readonly Row[]): Promise<readonly Buffer[]> {
    try {
      return rows.map(({ id, ciphertext }) => openSigningKey(this.derivedKeys, ciphertext, subscriptionId, id));
    } catch (error) {
      if (!(error instanceof DecryptionFailed)) throw error;
      await this.tell(subscriptionId);
      throw new SigningSecretUnreadable();
    }
  }

  private async tell(targetId: string): Promise<void> {
    const now = performance.now();
    if (now - (this.told.get(targetId) ?? -Infinity) < tellAgainMs) return;
    this.told.delete(targetId);
    this.told.set(targetId, now);
    forgetOldest(this.told);
    await this.audit.recordRefusalOrCount({
      action: 'subscription.secret_unreadable',
      targetType: 'subscription',
      targetId,
      error: 'decryption_failed',
    });
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  const oldest = map.size > capacity ? map.keys().next() : undefined;
  if (oldest?.done === false) map.delete(oldest.value);
}
