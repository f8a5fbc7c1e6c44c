import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Rule } from './rules.js';

/** A block of PEM (RFC 7468 §5); what stands between blocks is explanation. */
const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A PEM file with certificates of authorities: at least one, and no others. */
export const authoritiesRule: Rule = (path) => {
  try {
    const certificates = readAuthorities(path) ?? [];
    if (certificates.length === 0) return 'names a file without a certificate';
    return certificates.every(({ ca }) => ca)
      ? undefined
      : 'names a file with a certificate that is not of an authority';
  } catch {
    return 'must be a PEM file with certificates that can be read';
  }
};

/**
 * The certificates of a PEM file, if one is named.
 *
 * @throws for a file that cannot be read, or whose certificates cannot
 */
export function readAuthorities(path: string | undefined): readonly X509Certificate[] | undefined {
  if (path === undefined) return undefined;
  return readFileSync(path, 'utf8')
    .match(certificateBlock)
    ?.map((pem) => new X509Certificate(pem));
}
