const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const MAX_TIME = 2 ** 48 - 1;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * A UUID version 7 (RFC 9562 §5.7), lower case: 48 bits of time, then 74 of the given random bits.
 *
 * @param nowMs milliseconds since the epoch
 * @param random 10 random bytes
 * @throws RangeError if the time does not fit or bytes are missing: a fault of the caller
 */
export function uuidV7(nowMs: number, random: Uint8Array): string {
  if (!Number.isInteger(nowMs) || nowMs < 0 || nowMs > MAX_TIME) throw new RangeError('the time is out of range');
  if (random.length < 10) throw new RangeError('10 random bytes are needed');
  const time = nowMs.toString(16).padStart(12, '0');
  const byte = (index: number, mask = 0xff, set = 0): string => HEX[((random[index] ?? 0) & mask) | set] ?? '';
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-${byte(0, 0x0f, 0x70)}${byte(1)}-${byte(2, 0x3f, 0x80)}${byte(3)}-` +
    `${byte(4)}${byte(5)}${byte(6)}${byte(7)}${byte(8)}${byte(9)}`
  );
}

/** The time inside a UUID version 7, in milliseconds since the epoch; `null` if `uuid` is none (RFC 9562 §5.7). */
export function timeOfUuidV7(uuid: string): number | null {
  if (uuid.length !== 36 || !UUID_V7.test(uuid)) return null;
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}
