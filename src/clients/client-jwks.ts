import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { Jwks } from './client.js';

/** Takes a fault of the input: JSON Pointer, and what is wrong there. */
export type Report = (pointer: string, detail: string) => void;

const maxKeys = 20;
const minRsaBits = 2048;

/** More costs whoever verifies with it seconds. */
const maxRsaBits = 16_384;

/** Of a key's JSON; one of the largest size, with its certificates, has less. */
const maxKeyLength = 32_768;
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const keyTypes = ['RSA', 'EC', 'OKP'];

/**
 * Reads the `jwks` of a client (RFC 7591 §2, RFC 7517 §5): public keys only, which this platform can use.
 *
 * @param pointer where the set stands in the input
 */
export function readJwks(value: Readonly<Record<string, unknown>>, pointer: string, report: Report): Jwks {
  for (const name of Object.keys(value)) {
    if (name !== 'keys') report(`${pointer}/${escaped(name)}`, 'is not a member of a key set here');
  }
  const { keys } = value;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > maxKeys) {
    report(`${pointer}/keys`, `must be an array of 1 to ${maxKeys} keys`);
    return { keys: [] };
  }
  return { keys: keys.map((key: unknown, index) => readKey(key, `${pointer}/keys/${index}`, report)) };
}

function readKey(key: unknown, pointer: string, report: Report): Readonly<Record<string, unknown>> {
  if (!isRecord(key)) {
    report(pointer, 'must be a JSON object');
    return {};
  }
  const secret = secretMembers.find((name) => Object.hasOwn(key, name));
  if (secret !== undefined) report(`${pointer}/${secret}`, 'belongs to a private or symmetric key');
  else if (typeof key['kty'] !== 'string' || !keyTypes.includes(key['kty'])) {
    report(`${pointer}/kty`, `must be one of ${keyTypes.join(', ')}`);
  } else if (JSON.stringify(key).length > maxKeyLength)
    report(pointer, `must be shorter than ${maxKeyLength} characters`);
  else if (!isUsable(key)) {
    report(pointer, `must be a valid public key, RSA with ${minRsaBits} to ${maxRsaBits} bits and an exponent of 64`);
  }
  for (const name of ['kid', 'alg', 'use']) {
    const text = key[name];
    if (text !== undefined && (typeof text !== 'string' || text.length > 256)) {
      report(`${pointer}/${name}`, 'must be a string of at most 256 characters');
    }
  }
  return key;
}

function isUsable(key: JsonWebKey): boolean {
  const { n = '', e = '' } = key;
  if (bitsOf(n) > maxRsaBits || bitsOf(e) > 64) return false;
  try {
    const { modulusLength } = createPublicKey({ key, format: 'jwk' }).asymmetricKeyDetails ?? {};
    return modulusLength === undefined || modulusLength >= minRsaBits;
  } catch {
    return false;
  }
}

/** The bits that a number in base64url has room for. */
function bitsOf(text: unknown): number {
  return typeof text === 'string' ? Math.floor((text.length * 3) / 4) * 8 : Infinity;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 6901 §3. */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
