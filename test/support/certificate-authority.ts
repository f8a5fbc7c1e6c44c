import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

/** One part of a name: attributes by their object identifier. */
export type NamePart = readonly (readonly [type: string, value: string])[];

/** What a test may say about a certificate. */
export interface CertificateOptions {
  /** The most general part first. */
  readonly subject?: readonly NamePart[];
  /** `undefined`: it signs itself. */
  readonly issuer?: IssuedCertificate;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly authority?: boolean | { readonly pathLength: number };
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly emails?: readonly string[];
  readonly ips?: readonly (readonly number[])[];
  readonly extendedKeyUsage?: readonly string[];
  /** Extensions beside the others: identifier, whether it is critical, DER. */
  readonly extensions?: readonly (readonly [id: string, critical: boolean, value: Buffer])[];
  readonly keys?: KeyPair;
  /** Tag of the strings in the subject: UTF8String unless something else is said. */
  readonly stringTag?: number;
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate with its keys. */
export interface IssuedCertificate extends KeyPair {
  readonly x509: X509Certificate;
  readonly subject: readonly NamePart[];
  readonly pem: string;
  /** As a header field of RFC 9440 §2.1 has it. */
  readonly byteSequence: string;
}

export const commonName = '2.5.4.3';
export const organization = '2.5.4.10';

/** `O=Example, CN=name`. */
export function exampleName(name: string): readonly NamePart[] {
  return [[[organization, 'Example']], [[commonName, name]]];
}

/** Makes an X.509 certificate (RFC 5280 §4.1) with a P-256 key. */
export function issueCertificate(options: CertificateOptions = {}): IssuedCertificate {
  const subject = options.subject ?? exampleName('client');
  const keys = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = options.issuer ?? { ...keys, subject };
  const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const validity = sequence(
    time(options.notBefore ?? new Date('2020-01-01T00:00:00Z')),
    time(options.notAfter ?? new Date('2126-01-01T00:00:00Z')),
  );
  const tbs = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    name(signer.subject),
    validity,
    name(subject, options.stringTag),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensionsOf(options))),
  );
  const signature = sign('sha256', tbs, signer.privateKey);
  const der = sequence(tbs, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const x509 = new X509Certificate(der);
  const byteSequence = `:${der.toString('base64')}:`;
  return { ...keys, x509, subject, pem: x509.toString(), byteSequence };
}

function extensionsOf(options: CertificateOptions): Buffer[] {
  const { authority = false, dns = [], uris = [], emails = [], ips = [], extendedKeyUsage } = options;
  const extensions = (options.extensions ?? []).map((one) => extension(...one));
  if (authority !== false) {
    const depth = authority === true ? [] : [tagged(0x02, Buffer.from([authority.pathLength]))];
    extensions.push(extension('2.5.29.19', true, sequence(tagged(0x01, Buffer.from([0xff])), ...depth)));
  }
  const names = [
    ...emails.map((text) => tagged(0x81, Buffer.from(text, 'latin1'))),
    ...dns.map((text) => tagged(0x82, Buffer.from(text, 'latin1'))),
    ...uris.map((text) => tagged(0x86, Buffer.from(text, 'latin1'))),
    ...ips.map((bytes) => tagged(0x87, Buffer.from(bytes))),
  ];
  if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names)));
  if (extendedKeyUsage !== undefined) {
    extensions.push(extension('2.5.29.37', false, sequence(...extendedKeyUsage.map(objectIdentifier))));
  }
  // An empty list of extensions is not allowed, and every certificate may have a key identifier.
  return extensions.length > 0 ? extensions : [extension('2.5.29.14', false, tagged(0x04, randomBytes(20)))];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [tagged(0x01, Buffer.from([0xff]))] : [];
  return sequence(objectIdentifier(id), ...flag, tagged(0x04, value));
}

function name(parts: readonly NamePart[], stringTag = 0x0c): Buffer {
  return sequence(
    ...parts.map((part) =>
      tagged(
        0x31,
        Buffer.concat(
          part.map(([type, value]) => sequence(objectIdentifier(type), tagged(stringTag, Buffer.from(value)))),
        ),
      ),
    ),
  );
}

/** RFC 5280 §4.1.2.5: two digits for the year before 2050, four from then on. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\.\d+|[-:T]/g, '');
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}

/** X.690 §8.19. */
export function objectIdentifier(id: string): Buffer {
  const [first = 0, second = 0, ...rest] = id.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left % 128) + 128);
    return groups;
  });
  return tagged(0x06, Buffer.from(bytes));
}

export function sequence(...values: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(values));
}

export function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
