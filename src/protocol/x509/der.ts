/** A value of DER (X.690 §8, §10): its tag, and its content. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly bytes: Buffer;
}

/** The bytes are no DER, or not the DER that was expected. */
export class DerFault extends Error {
  override readonly name = 'DerFault';

  constructor() {
    super('not the expected DER');
  }
}

/** The tags of X.680 §8.6 that certificates are made of. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Reads the one value that `bytes` consist of.
 *
 * @param tag what it must be
 * @throws DerFault
 */
export function readDer(bytes: Buffer, tag: number): DerValue {
  const [value, ...others] = readDerValues(bytes);
  if (value === undefined || others.length > 0) throw new DerFault();
  return expectTag(value, tag);
}

/** @throws DerFault */
export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) throw new DerFault();
  return value;
}

/**
 * Reads the values that `bytes` consist of, such as the content of a SEQUENCE.
 *
 * @throws DerFault
 */
export function readDerValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = readAt(bytes, at);
    values.push(value);
    at += value.bytes.length;
  }
  return values;
}

function readAt(bytes: Buffer, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  // Tags above 30 take more than a byte; there are none in a certificate.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new DerFault();
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 3 || start > bytes.length) throw new DerFault();
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const isMinimal = lengthBytes === 0 || length >= (lengthBytes === 1 ? 0x80 : 2 ** (8 * (lengthBytes - 1)));
  if (!isMinimal || start + length > bytes.length) throw new DerFault();
  return { tag, content: bytes.subarray(start, start + length), bytes: bytes.subarray(at, start + length) };
}

/**
 * Writes the content of an OBJECT IDENTIFIER as numbers with dots (X.690 §8.19).
 *
 * @throws DerFault
 */
export function objectIdentifier(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, byte] of content.entries()) {
    if (arc === 0 && byte === 0x80) throw new DerFault();
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerFault();
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    } else if (index === content.length - 1) throw new DerFault();
  }
  const [first = 0, ...rest] = arcs;
  if (arcs.length === 0) throw new DerFault();
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

/**
 * Reads a UTCTime or a GeneralizedTime as certificates have it (RFC 5280 §4.1.2.5).
 *
 * @returns milliseconds since the epoch
 * @throws DerFault
 */
export function readTime(value: DerValue | undefined): number {
  const text = value?.content.toString('latin1') ?? '';
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null || value === undefined) throw new DerFault();
  const [, year = '', month, day, hour, minute, second] = match;
  if (value.tag !== (year.length === 2 ? derTag.utcTime : derTag.generalizedTime)) throw new DerFault();
  const century = year.length === 4 ? '' : Number(year) >= 50 ? '19' : '20';
  const time = Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) throw new DerFault();
  return time;
}
