import { X509Certificate } from 'node:crypto';
import {
  commonName,
  exampleName,
  issueCertificate,
  objectIdentifier,
  organization,
  sequence,
  tagged,
} from '../../../test/support/certificate-authority.js';
import { readCertificate } from './certificate.js';
import { DerFault } from './der.js';

const clientAuth = '1.3.6.1.5.5.7.3.2';

describe('RFC 5280 §4.1 a certificate', () => {
  it('says who somebody is, when and for what', () => {
    const { x509 } = issueCertificate({
      subject: exampleName('billing'),
      notBefore: new Date('2024-02-29T12:34:56Z'),
      notAfter: new Date('2050-01-01T00:00:00Z'),
      authority: { pathLength: 3 },
      dns: ['a.example', 'b.example'],
      uris: ['spiffe://example/billing'],
      emails: ['ops@example.com'],
      ips: [[192, 0, 2, 1]],
      extendedKeyUsage: [clientAuth],
    });
    expect(readCertificate(x509.raw)).toEqual({
      subject: [
        [{ type: organization, text: 'Example', der: expect.stringMatching(/^0c07/) }],
        [{ type: commonName, text: 'billing', der: expect.stringMatching(/^0c07/) }],
      ],
      notBefore: Date.parse('2024-02-29T12:34:56Z'),
      notAfter: Date.parse('2050-01-01T00:00:00Z'),
      signatureAlgorithm: '1.2.840.10045.4.3.2',
      dnsNames: ['a.example', 'b.example'],
      uris: ['spiffe://example/billing'],
      emails: ['ops@example.com'],
      ipAddresses: [Buffer.from([192, 0, 2, 1])],
      pathLength: 3,
      extendedKeyUsage: [clientAuth],
      criticalExtensions: ['2.5.29.19'],
    });
  });

  it('has what OpenSSL reads from it', () => {
    const { x509 } = issueCertificate({ notBefore: new Date('1999-12-31T23:59:59Z') });
    const { notBefore, notAfter } = readCertificate(x509.raw);
    expect([notBefore, notAfter]).toEqual([Date.parse(x509.validFrom), Date.parse(x509.validTo)]);
  });

  it('may say little', () => {
    const { x509 } = issueCertificate({ subject: [] });
    expect(readCertificate(x509.raw)).toMatchObject({
      subject: [],
      dnsNames: [],
      pathLength: undefined,
      extendedKeyUsage: undefined,
    });
  });

  it.each<[string, readonly (readonly [string, boolean, Buffer])[]]>([
    [
      'an extension twice',
      [
        ['2.5.29.17', false, sequence(tagged(0x82, Buffer.from('a')))],
        ['2.5.29.17', false, sequence(tagged(0x82, Buffer.from('b')))],
      ],
    ],
    ['a list of names that is none', [['2.5.29.17', false, Buffer.from('garbage')]]],
    ['more than a list of names', [['2.5.29.17', false, Buffer.concat([sequence(), sequence()])]]],
    ['a purpose that is none', [['2.5.29.37', false, sequence(tagged(0x02, Buffer.from([1])))]]],
    ['a negative path length', [['2.5.29.19', true, sequence(tagged(0x02, Buffer.from([0xff])))]]],
  ])('is refused with %s', (_, extensions) => {
    expect(() => readCertificate(issueCertificate({ extensions }).x509.raw)).toThrow(DerFault);
  });
});

describe('X.690 DER', () => {
  const { raw } = issueCertificate().x509;

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['something behind it', Buffer.concat([raw, Buffer.from([0])])],
    ['an end that is missing', raw.subarray(0, -1)],
    ['an indefinite length', Buffer.concat([Buffer.from([0x30, 0x80]), raw, Buffer.from([0, 0])])],
    ['a length of more bytes than needed', Buffer.from([0x30, 0x81, 0x02, 0x30, 0x00])],
    ['a length beyond all measure', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])],
    ['an empty sequence', sequence()],
    ['a sequence of something else', sequence(objectIdentifier('1.2.3'), objectIdentifier('1.2.3'))],
  ])('refuses %s', (_, bytes) => {
    expect(() => readCertificate(bytes)).toThrow(DerFault);
  });

  it('meets every cut and every changed byte with a fault or a certificate, never with another error', () => {
    for (let at = 0; at < raw.length; at += 1) {
      const changed = Buffer.from(raw);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      for (const bytes of [raw.subarray(0, at), changed]) {
        try {
          readCertificate(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DerFault);
        }
      }
    }
    expect(new X509Certificate(raw).raw).toEqual(raw);
  });
});
