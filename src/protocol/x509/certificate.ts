import {
  type DerValue,
  DerFault,
  derTag,
  expectTag,
  objectIdentifier,
  readDer,
  readDerValues,
  readTime,
} from './der.js';
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.js';

/** What a certificate says (RFC 5280 §4.1), as far as it says who somebody is, and when and for what. */
export interface CertificateContent {
  readonly subject: DistinguishedName;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Object identifier of the algorithm that it was signed with. */
  readonly signatureAlgorithm: string;
  /** The entries of its `subjectAltName`. */
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ipAddresses: readonly Buffer[];
  /** How many certificates of authorities may come after it in a chain; `undefined`: any number. */
  readonly pathLength: number | undefined;
  /** Purposes that it is limited to, as object identifiers; `undefined`: none are named. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Extensions that must not be looked past, as object identifiers. */
  readonly criticalExtensions: readonly string[];
}

interface Extension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** The identifiers of RFC 5280 §4.2.1. */
export const extensionId = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** `GeneralName` (RFC 5280 §4.2.1.6), and the fields with a context tag of a certificate. */
const contextTag = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87, version: 0xa0, extensions: 0xa3 };

/**
 * Reads a certificate.
 *
 * @param der of an X.509 certificate
 * @throws DerFault for one that is malformed, or has an extension twice
 */
export function readCertificate(der: Buffer): CertificateContent {
  const [tbs, algorithm] = readDerValues(readDer(der, derTag.sequence).content);
  const fields = readDerValues(expectTag(tbs, derTag.sequence).content);
  if (fields[0]?.tag === contextTag.version) fields.shift();
  const [, , , validity, subject] = fields;
  const [notBefore, notAfter] = readDerValues(expectTag(validity, derTag.sequence).content);
  const extensions = readExtensions(fields.find(({ tag }) => tag === contextTag.extensions));
  const names = readAlternativeNames(extensions);
  const texts = (tag: number) =>
    names.filter((name) => name.tag === tag).map(({ content }) => content.toString('latin1'));
  return {
    subject: readDistinguishedName(expectTag(subject, derTag.sequence)),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    signatureAlgorithm: readIdentifier(readDerValues(expectTag(algorithm, derTag.sequence).content)[0]),
    dnsNames: texts(contextTag.dns),
    uris: texts(contextTag.uri),
    emails: texts(contextTag.email),
    ipAddresses: names.filter(({ tag }) => tag === contextTag.ip).map(({ content }) => content),
    pathLength: readPathLength(extensions),
    extendedKeyUsage: readExtendedKeyUsage(extensions),
    criticalExtensions: extensions.filter(({ critical }) => critical).map(({ id }) => id),
  };
}

function readExtensions(field: DerValue | undefined): Extension[] {
  if (field === undefined) return [];
  const list = readDer(field.content, derTag.sequence);
  const extensions = readDerValues(list.content).map((encoded) => {
    const parts = readDerValues(expectTag(encoded, derTag.sequence).content);
    const flag = parts.length === 3 ? expectTag(parts[1], derTag.boolean).content : undefined;
    return {
      id: readIdentifier(parts[0]),
      critical: flag !== undefined && flag[0] !== 0,
      value: expectTag(parts.at(-1), derTag.octetString).content,
    };
  });
  if (new Set(extensions.map(({ id }) => id)).size !== extensions.length) throw new DerFault();
  return extensions;
}

function readIdentifier(value: DerValue | undefined): string {
  return objectIdentifier(expectTag(value, derTag.objectIdentifier).content);
}

function readSequence(extensions: readonly Extension[], id: string): DerValue[] | undefined {
  const extension = extensions.find((one) => one.id === id);
  return extension === undefined ? undefined : readDerValues(readDer(extension.value, derTag.sequence).content);
}

function readAlternativeNames(extensions: readonly Extension[]): DerValue[] {
  return readSequence(extensions, extensionId.subjectAltName) ?? [];
}

function readExtendedKeyUsage(extensions: readonly Extension[]): string[] | undefined {
  return readSequence(extensions, extensionId.extendedKeyUsage)?.map((purpose) => readIdentifier(purpose));
}

function readPathLength(extensions: readonly Extension[]): number | undefined {
  const length = readSequence(extensions, extensionId.basicConstraints)?.find(({ tag }) => tag === derTag.integer);
  if (length === undefined) return undefined;
  if (length.content.length !== 1 || (length.content[0] ?? 0) > 0x7f) throw new DerFault();
  return length.content[0];
}
