import { Inject, Injectable } from '@nestjs/common';
import type { Jwks } from '../client.js';
import type { ClientSnapshot } from './client-snapshot.js';
import { KeySetUnavailable, RemoteKeySets } from './remote-key-sets.js';

/** A `kid` that no key has: whoever looks for it is given the set as it is now. */
const nobodysKeyId = '';

/** The keys that a client has registered, inline or at its `jwks_uri`. */
@Injectable()
export class ClientKeySets {
  constructor(@Inject(RemoteKeySets) private readonly remote: RemoteKeySets) {}

  /**
   * Whether the key set of the client stands the test. A set at a URI that does not is read anew, if that was not done just now:
   * the client may have changed its keys.
   *
   * @param keyId the `kid` of the key that is looked for, where it is known
   * @returns `keys_unavailable` where the set cannot be had
   */
  async test(
    { jwks, jwksUri }: ClientSnapshot,
    keyId: string | undefined,
    stands: (jwks: Jwks) => boolean,
  ): Promise<boolean | 'keys_unavailable'> {
    if (jwks !== undefined) return stands(jwks);
    if (jwksUri === undefined) return false;
    try {
      const known = await this.remote.keySet(jwksUri, keyId);
      if (stands(known)) return true;
      if (keyId !== undefined) return false;
      const current = await this.remote.keySet(jwksUri, nobodysKeyId);
      return current !== known && stands(current);
    } catch (error) {
      if (error instanceof KeySetUnavailable) return 'keys_unavailable';
      throw error;
    }
  }
}
