import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DerivedKeys } from '../../encryption/index.js';
import { cidrContains, type ClientCredentials } from '../../protocol/index.js';
import { authenticatesWithSecret } from '../client-capabilities.js';
import { hashClientSecret, pepperPurpose } from '../client-secret.js';
import type { ClientSnapshot, SecretSnapshot } from './client-snapshot.js';

/** Why an authentication failed: for the audit log, never for the client (security.md A-01). */
export type AuthenticationFault =
  | 'unknown_client'
  | 'client_disabled'
  | 'wrong_auth_method'
  | 'wrong_secret'
  | 'secret_expired'
  | 'network_not_allowed';

/** The secret that was presented, or why it was refused. */
export type AuthenticationResult =
  | { readonly secretId: string; readonly fault?: undefined }
  | { readonly secretId?: undefined; readonly fault: AuthenticationFault };

/**
 * Authenticates clients by their secrets (RFC 6749 §2.3.1).
 *
 * Every outcome costs one HMAC over what was presented and the same comparisons, for a client that does not exist as well.
 */
@Injectable()
export class ClientAuthenticator {
  private readonly pepper: Buffer;
  private readonly nobody: readonly SecretSnapshot[];

  constructor(@Inject(DerivedKeys) keys: DerivedKeys) {
    this.pepper = keys.derive(pepperPurpose);
    this.nobody = [{ secretId: '', hash: keys.derive('client-secret-of-nobody-v1'), expiresAt: undefined }];
  }

  /**
   * Checks `credentials` against the client as it is in `snapshot`.
   *
   * @param now milliseconds since the epoch
   * @param address where the request came from
   */
  authenticate(
    credentials: ClientCredentials,
    snapshot: ClientSnapshot | undefined,
    now: number,
    address: string,
  ): AuthenticationResult {
    const presented = hashClientSecret(this.pepper, credentials.clientSecret);
    const secret = findSecret(presented, snapshot?.secrets ?? this.nobody);
    if (snapshot === undefined) return { fault: 'unknown_client' };
    if (secret === undefined) return { fault: 'wrong_secret' };
    if (secret.expiresAt !== undefined && secret.expiresAt <= now) return { fault: 'secret_expired' };
    if (snapshot.status !== 'active') return { fault: 'client_disabled' };
    if (!authenticatesWithSecret(snapshot.authenticationMethod)) return { fault: 'wrong_auth_method' };
    if (snapshot.allowedNetworks.length > 0 && !cidrContains(snapshot.allowedNetworks, address)) {
      return { fault: 'network_not_allowed' };
    }
    return { secretId: secret.secretId };
  }
}

/** Compares with every secret, whichever matches, so that the position of a match does not show. */
function findSecret(presented: Buffer, secrets: readonly SecretSnapshot[]): SecretSnapshot | undefined {
  let found: SecretSnapshot | undefined;
  for (const secret of secrets) if (timingSafeEqual(presented, secret.hash)) found = secret;
  return found;
}
