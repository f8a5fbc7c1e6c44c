import type { KeyObject, X509Certificate } from 'node:crypto';
import { type CertificateContent, extensionId, readCertificate } from '../../protocol/index.js';

/** The critical extensions that are understood here; a certificate with another one is not believed (RFC 5280 §4.2). */
const understood: ReadonlySet<string> = new Set(Object.values(extensionId));

/** Signatures over MD5 or SHA-1, which others can make collide. */
const brokenSignatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10045.4.1',
]);

/**
 * Whether a certificate leads to one of the authorities (RFC 5280 §6.1): each certificate signed by the next, each but the first
 * of an authority that may have so many below it, none outside its time.
 *
 * @param intermediates what the client sent beside its certificate, in any order; the caller caps how many
 * @param now milliseconds since the epoch
 * @throws DerFault for a malformed certificate
 */
export function chainsTo(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
): boolean {
  let current = leaf;
  const remaining = [...intermediates];
  for (let below = 0; ; below += 1) {
    const content = readCertificate(current.raw);
    if (!isAcceptable(content, now) || isTooDeep(content, below)) return false;
    const authority = authorities.find((one) => isIssuedBy(current, one));
    if (authority !== undefined) {
      const top = readCertificate(authority.raw);
      return isInTime(top, now) && !isTooDeep(top, below + 1);
    }
    const next = remaining.findIndex((one) => one.ca && isIssuedBy(current, one));
    const [issuer] = next === -1 ? [] : remaining.splice(next, 1);
    if (issuer === undefined) return false;
    current = issuer;
  }
}

/** Whether it is now within the time of a certificate (RFC 5280 §4.1.2.5). */
export function isInTime({ notBefore, notAfter }: CertificateContent, now: number): boolean {
  return notBefore <= now && now <= notAfter + 999;
}

/** Whether `issuer` signed `certificate`, and may. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (!certificate.checkIssued(issuer)) return false;
  const key = publicKeyOf(issuer);
  return key !== undefined && certificate.verify(key);
}

/**
 * Whether a certificate names itself as its issuer, or its own key signed it. Whether it may sign is not asked: a usage that
 * leaves that out makes it nobody else's.
 */
export function isSelfSigned(certificate: X509Certificate): boolean {
  if (certificate.issuer === certificate.subject) return true;
  const key = publicKeyOf(certificate);
  return key !== undefined && certificate.verify(key);
}

/** `undefined` for a key that cannot be read: its algorithm is unknown here, or it is no point of its curve. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

function isAcceptable(content: CertificateContent, now: number): boolean {
  return (
    isInTime(content, now) &&
    !brokenSignatures.has(content.signatureAlgorithm) &&
    content.criticalExtensions.every((id) => understood.has(id))
  );
}

/** @param below how many certificates are below it; all but the first of them count */
function isTooDeep({ pathLength }: CertificateContent, below: number): boolean {
  return pathLength !== undefined && below - 1 > pathLength;
}
