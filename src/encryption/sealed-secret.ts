import { open, seal } from './aes-gcm.js';
import type { DerivedKeys } from './derived-keys.js';
import { associatedData, type Place } from './envelope.js';

/**
 * Encrypts a small secret under the key that is derived for its purpose (AES-256-GCM, a fresh nonce), for its place alone: there
 * may be many of them, and an exchange of the key-encryption key leaves them as they are.
 *
 * @param place `purpose` names the derived key, with a version such as `signing-secret-v1`
 */
export function sealSecret(keys: DerivedKeys, plaintext: Buffer, place: Place): Buffer {
  return seal(keys.derive(place.purpose), plaintext, associatedData(place));
}

/**
 * Opens what {@link sealSecret} made for the same place.
 *
 * @throws DecryptionFailed for another key, another place or altered bytes
 */
export function openSecret(keys: DerivedKeys, sealed: Buffer, place: Place): Buffer {
  return open(keys.derive(place.purpose), sealed, associatedData(place));
}
