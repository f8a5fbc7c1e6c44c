import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DerivedKeys } from '../../encryption/index.js';
import { hashClientSecret, pepperPurpose } from '../client-secret.js';
import type { SecretSnapshot } from './client-snapshot.js';

/** Why a secret was refused. */
export type SecretFault = 'wrong_secret' | 'secret_expired';

/** Checks secrets: one HMAC over what was presented and the same comparisons, whether there is a client or not (security.md D1). */
@Injectable()
export class SecretCheck {
  private readonly pepper: Buffer;
  private readonly nobody: readonly SecretSnapshot[];

  constructor(@Inject(DerivedKeys) keys: DerivedKeys) {
    this.pepper = keys.derive(pepperPurpose);
    this.nobody = [{ secretId: '', hash: keys.derive('client-secret-of-nobody-v1'), expiresAt: undefined }];
  }

  /**
   * @param secrets those of the client; none: it cannot match
   * @param now milliseconds since the epoch
   */
  check(
    presented: string,
    secrets: readonly SecretSnapshot[],
    now: number,
  ): { readonly secretId: string; readonly fault?: undefined } | { readonly fault: SecretFault } {
    const hash = hashClientSecret(this.pepper, presented);
    const secret = findSecret(hash, secrets.length === 0 ? this.nobody : secrets);
    if (secret === undefined || secrets.length === 0) return { fault: 'wrong_secret' };
    if (secret.expiresAt !== undefined && secret.expiresAt <= now) return { fault: 'secret_expired' };
    return { secretId: secret.secretId };
  }
}

/** Compares with every secret, whichever matches, so that the position of a match does not show. */
function findSecret(presented: Buffer, secrets: readonly SecretSnapshot[]): SecretSnapshot | undefined {
  let found: SecretSnapshot | undefined;
  for (const secret of secrets) if (timingSafeEqual(presented, secret.hash)) found = secret;
  return found;
}
