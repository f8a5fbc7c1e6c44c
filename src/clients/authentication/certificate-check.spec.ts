import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import {
  exampleName,
  issueCertificate,
  type IssuedCertificate,
  objectIdentifier,
  sequence,
  tagged,
} from '../../../test/support/certificate-authority.js';
import { CertificateCheck, type CertificateFault } from './certificate-check.js';
import { ClientKeySets } from './client-key-sets.js';
import type { ClientSnapshot } from './client-snapshot.js';
import type { RemoteKeySets } from './remote-key-sets.js';

const ca = issueCertificate({ subject: exampleName('CA'), authority: true });
const keySets = new ClientKeySets({} as RemoteKeySets);
const tlsSubject = { kind: 'dn', value: 'CN=client,O=Example' };
const pki = { authenticationMethod: 'tls_client_auth', tlsSubject } as ClientSnapshot;

function check(
  { x509 }: { readonly x509: X509Certificate },
  client = pki,
  authorities?: readonly X509Certificate[],
  chain: readonly X509Certificate[] = [],
): Promise<CertificateFault | undefined> {
  const certificate = { thumbprint: '', x509, chain };
  return new CertificateCheck({ authorities }, keySets).check(certificate, client, Date.now());
}

/** May sign data and nothing else: `digitalSignature` alone (RFC 5280 §4.2.1.3). */
const signsData = [['2.5.29.15', true, tagged(0x03, Buffer.from([7, 0x80]))]] as const;

/** One whose public key is `spki`. */
function withKey(spki: Buffer, issuer: IssuedCertificate | undefined = ca): IssuedCertificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return issueCertificate({
    issuer,
    authority: true,
    keys: { privateKey, publicKey: { export: () => spki } as unknown as KeyObject },
  });
}

const bits = (content: Buffer) => tagged(0x03, Buffer.concat([Buffer.from([0]), content]));
const unknownAlgorithm = sequence(sequence(objectIdentifier('1.2.3.4')), bits(Buffer.alloc(32, 7)));
const p256 = sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7'));
const offTheCurve = sequence(p256, bits(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)])));

describe('J-25: a certificate that signs itself', () => {
  it.each([
    ['and may', issueCertificate({ authority: true })],
    ['and says nothing of it', issueCertificate()],
    ['and may not, by its usage', issueCertificate({ extensions: signsData })],
    ['by name, under a signature of another', issueCertificate({ issuer: { ...ca, subject: exampleName('client') } })],
  ])('is not believed where an authority is registered: %s', async (_, certificate) => {
    expect(await check(certificate)).toBe('certificate_issuer');
    expect(await check(certificate, pki, [ca.x509])).toBe('certificate_issuer');
  });

  it('under the name of another neither', async () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const own = issueCertificate({ keys, issuer: { ...ca, ...keys } });
    expect(await check(own)).toBe('certificate_issuer');
  });

  it('is not mistaken for one that an authority signed', async () => {
    expect(await check(issueCertificate({ issuer: ca, extensions: signsData }))).toBeUndefined();
    expect(await check(issueCertificate({ issuer: ca }), pki, [ca.x509])).toBeUndefined();
  });
});

describe('a key that cannot be read', () => {
  const jwk = ca.publicKey.export({ format: 'jwk' });
  const selfSigned = {
    authenticationMethod: 'self_signed_tls_client_auth',
    jwks: { keys: [jwk] },
  } as unknown as ClientSnapshot;

  it.each([
    ['of an unknown algorithm', unknownAlgorithm],
    ['that is no point of its curve', offTheCurve],
  ])('is a refusal: %s', async (_, spki) => {
    for (const client of [pki, selfSigned]) {
      expect(await check(withKey(spki), client)).toBe('certificate_malformed');
      expect(await check(withKey(spki, undefined), client)).toBe('certificate_malformed');
    }
  });

  it.each([
    ['of an unknown algorithm', unknownAlgorithm],
    ['that is no point of its curve', offTheCurve],
  ])('makes an authority in between none: %s', async (_, spki) => {
    const broken = { ...withKey(spki), subject: exampleName('client') };
    const leaf = issueCertificate({ issuer: broken, subject: exampleName('leaf') });
    expect(await check(leaf, pki, [ca.x509], [broken.x509])).toBe('certificate_issuer');
  });
});

it('meets every changed byte with an answer, never with an error', async () => {
  const leaf = issueCertificate({ issuer: ca });
  const answers: (CertificateFault | undefined)[] = [];
  for (const { raw } of [leaf.x509, ca.x509]) {
    for (let at = 0; at < raw.length; at += 1) {
      const changed = Buffer.from(raw);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      let x509: X509Certificate;
      try {
        x509 = new X509Certificate(changed);
      } catch {
        continue;
      }
      answers.push(await check({ x509 }), await check({ x509 }, pki, [x509, ca.x509]));
      answers.push(await check(leaf, pki, [x509], [x509]));
    }
  }
  expect(answers).toContain('certificate_malformed');
});
