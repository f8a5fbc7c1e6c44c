import { type DerValue, DerFault, derTag, expectTag, objectIdentifier, readDerValues } from './der.js';

/** One attribute of a name: its type as an object identifier, and its value. */
export interface NameAttribute {
  readonly type: string;
  /** `undefined` where the value is no text, or was written in hexadecimal. */
  readonly text: string | undefined;
  /** DER of the value in hexadecimal; `undefined` where it was written as text. */
  readonly der: string | undefined;
}

/** A distinguished name as a certificate has it, the most general part first; each part is a set of attributes. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** RFC 4514 §3, and what is common in certificates beside it (RFC 5280 Appendix A.1, RFC 2985 §5.2, ETSI EN 319 412-1). */
const typeNames: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  TITLE: '2.5.4.12',
  BUSINESSCATEGORY: '2.5.4.15',
  POSTALCODE: '2.5.4.17',
  GIVENNAME: '2.5.4.42',
  DNQUALIFIER: '2.5.4.46',
  ORGANIZATIONIDENTIFIER: '2.5.4.97',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  EMAILADDRESS: '1.2.840.113549.1.9.1',
};

/** How the string types of X.680 §8.6 are encoded. */
const decoders: Readonly<Record<number, (content: Buffer) => string>> = {
  0x0c: (content) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content),
  0x12: (content) => content.toString('latin1'),
  0x13: (content) => content.toString('latin1'),
  0x14: (content) => content.toString('latin1'),
  0x16: (content) => content.toString('latin1'),
  0x1a: (content) => content.toString('latin1'),
  0x1e: (content) => Buffer.from(content).swap16().toString('utf16le'),
};

/** One attribute, up to a separator that is not escaped. */
const attribute = /([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *((?:[^\\,+"<>;\0]|\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\]))*)/y;

/**
 * Parses the string representation of a name (RFC 4514 §3). Blanks around `,`, `+` and `=` are let pass, as many write them; one
 * that belongs to a value must be escaped anyway (§2.4).
 *
 * @returns `undefined` for what is none, for the empty name, and for an attribute type that is neither known nor an identifier
 */
export function parseDistinguishedName(text: string): DistinguishedName | undefined {
  const parts: NameAttribute[][] = [[]];
  for (let at = 0; ;) {
    while (text[at] === ' ') at += 1;
    attribute.lastIndex = at;
    const match = attribute.exec(text);
    const [whole = '', type = '', value = ''] = match ?? [];
    const parsed = match === null ? undefined : parseAttribute(type, value);
    if (parsed === undefined) return undefined;
    parts[0]?.push(parsed);
    at += whole.length;
    if (at === text.length) return parts;
    const separator = text[at];
    if (separator === ',') parts.unshift([]);
    else if (separator !== '+') return undefined;
    at += 1;
  }
}

function parseAttribute(name: string, written: string): NameAttribute | undefined {
  const type = name.includes('.') ? name : typeNames[name.toUpperCase()];
  const value = withoutLastBlanks(written);
  if (type === undefined || value === '') return undefined;
  if (value.startsWith('#')) {
    return /^#(?:[0-9A-Fa-f]{2})+$/.test(value)
      ? { type, text: undefined, der: value.slice(1).toLowerCase() }
      : undefined;
  }
  const text = unescape(value);
  return text === undefined ? undefined : { type, text, der: undefined };
}

/** A last blank that is escaped belongs to the value. */
function withoutLastBlanks(written: string): string {
  let end = written.length;
  while (written[end - 1] === ' ' && written[end - 2] !== '\\') end -= 1;
  return written.slice(0, end);
}

/** RFC 4514 §2.4: an escape is a special character, or a byte of UTF-8. */
function unescape(value: string): string | undefined {
  const bytes = value.match(/\\[0-9A-Fa-f]{2}|\\?[^]/gu)?.map((token) => {
    if (/^\\[0-9A-Fa-f]{2}$/.test(token)) return Buffer.from(token.slice(1), 'hex');
    return Buffer.from(token.length > 1 && token.startsWith('\\') ? token.slice(1) : token);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(bytes ?? []));
  } catch {
    return undefined;
  }
}

/**
 * Reads a `Name` (RFC 5280 §4.1.2.4).
 *
 * @throws DerFault
 */
export function readDistinguishedName(name: DerValue): DistinguishedName {
  return readDerValues(expectTag(name, derTag.sequence).content).map((part) => {
    const attributes = readDerValues(expectTag(part, derTag.set).content);
    if (attributes.length === 0) throw new DerFault();
    return attributes.map((one) => readAttribute(one));
  });
}

function readAttribute(encoded: DerValue): NameAttribute {
  const [type, value, ...others] = readDerValues(expectTag(encoded, derTag.sequence).content);
  if (value === undefined || others.length > 0) throw new DerFault();
  return {
    type: objectIdentifier(expectTag(type, derTag.objectIdentifier).content),
    text: decodeText(value),
    der: value.bytes.toString('hex'),
  };
}

function decodeText({ tag, content }: DerValue): string | undefined {
  try {
    return decoders[tag]?.(content);
  } catch {
    return undefined;
  }
}

/**
 * Whether the name of a certificate is the expected one: the same parts in the same order, each with the same attributes and no
 * others, and their values alike, character by character.
 */
export function isSameName(expected: DistinguishedName, actual: DistinguishedName): boolean {
  return expected.length === actual.length && expected.every((part, index) => isSamePart(part, actual[index] ?? []));
}

/** The attributes of one part are a set: their order says nothing (X.501 §9.2). */
function isSamePart(expected: readonly NameAttribute[], actual: readonly NameAttribute[]): boolean {
  if (expected.length !== actual.length) return false;
  const remaining = [...actual];
  return expected.every((one) => {
    const index = remaining.findIndex((other) => isSameAttribute(one, other));
    if (index !== -1) remaining.splice(index, 1);
    return index !== -1;
  });
}

function isSameAttribute(expected: NameAttribute, actual: NameAttribute): boolean {
  if (expected.type !== actual.type) return false;
  return expected.der === undefined
    ? expected.text !== undefined && expected.text === actual.text
    : expected.der === actual.der;
}
