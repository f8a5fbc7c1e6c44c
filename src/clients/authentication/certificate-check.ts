import { createPublicKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { ClientCertificate } from '../../binding/index.js';
import { ClientCertificateConfig } from '../../config/index.js';
import {
  addressBytes,
  type CertificateContent,
  DerFault,
  type DistinguishedName,
  isSameName,
  parseDistinguishedName,
  readCertificate,
} from '../../protocol/index.js';
import { chainsTo, isInTime, isSelfSigned, publicKeyOf } from './certificate-chain.js';
import { ClientKeySets } from './client-key-sets.js';
import type { ClientSnapshot, TlsSubject } from './client-snapshot.js';

/** Why a certificate was refused. */
export type CertificateFault =
  | 'no_credentials'
  | 'certificate_malformed'
  | 'certificate_expired'
  | 'certificate_issuer'
  | 'certificate_usage'
  | 'certificate_subject'
  | 'certificate_key'
  | 'keys_unavailable';

/** `id-kp-clientAuth`, and any purpose (RFC 5280 §4.2.1.12). */
const clientPurposes: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']);

/** Checks the certificates of clients (RFC 8705 §2). */
@Injectable()
export class CertificateCheck {
  constructor(
    @Inject(ClientCertificateConfig) private readonly config: ClientCertificateConfig,
    @Inject(ClientKeySets) private readonly keySets: ClientKeySets,
  ) {}

  /**
   * Checks a certificate against what the client is registered with.
   *
   * @param client `undefined`: one that no certificate can speak for
   * @param now milliseconds since the epoch
   * @returns `undefined` if it is the client's
   */
  async check(
    certificate: ClientCertificate,
    client: ClientSnapshot | undefined,
    now: number,
  ): Promise<CertificateFault | undefined> {
    let content: CertificateContent;
    try {
      content = readCertificate(certificate.x509.raw);
      if (publicKeyOf(certificate.x509) === undefined) return 'certificate_malformed';
      if (!isInTime(content, now)) return 'certificate_expired';
      if (client?.authenticationMethod === 'self_signed_tls_client_auth')
        return await this.checkKey(certificate, client);
      return this.checkIssuer(certificate, content, now) ?? checkSubject(content, client?.tlsSubject);
    } catch (error) {
      if (error instanceof DerFault) return 'certificate_malformed';
      throw error;
    }
  }

  /** RFC 8705 §2.1: the proxy has verified the chain; with authorities of our own it must lead to them too. */
  private checkIssuer(
    { x509, chain }: ClientCertificate,
    { extendedKeyUsage }: CertificateContent,
    now: number,
  ): CertificateFault | undefined {
    if (isSelfSigned(x509)) return 'certificate_issuer';
    if (extendedKeyUsage?.some((purpose) => clientPurposes.has(purpose)) === false) return 'certificate_usage';
    const { authorities } = this.config;
    return authorities === undefined || chainsTo(x509, chain, authorities, now) ? undefined : 'certificate_issuer';
  }

  /** RFC 8705 §2.2: the certificate, or its key, is one that the client registered; who signed it is nothing. */
  private async checkKey(
    certificate: ClientCertificate,
    client: ClientSnapshot,
  ): Promise<CertificateFault | undefined> {
    const isRegistered = await this.keySets.test(client, undefined, ({ keys }) =>
      keys.some((jwk) => isKeyOf(certificate, jwk)),
    );
    if (isRegistered === 'keys_unavailable') return isRegistered;
    return isRegistered ? undefined : 'certificate_key';
  }
}

/** Whether a JWK stands for the certificate: by the certificate itself where it holds one or its hash, else by the key. */
function isKeyOf({ x509, thumbprint }: ClientCertificate, jwk: Readonly<Record<string, unknown>>): boolean {
  const { x5c, 'x5t#S256': hash } = jwk;
  if (hash !== undefined && hash !== thumbprint) return false;
  if (x5c !== undefined && !(Array.isArray(x5c) && x5c[0] === x509.raw.toString('base64'))) return false;
  const key = publicKeyOf(x509);
  return key !== undefined && importKey(jwk)?.equals(key) === true;
}

function importKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** RFC 8705 §2.1.2: the subject, or an alternative name of the registered kind. */
function checkSubject(content: CertificateContent, expected: TlsSubject | undefined): CertificateFault | undefined {
  return expected !== undefined && isNamed(content, expected) ? undefined : 'certificate_subject';
}

function isNamed(content: CertificateContent, { kind, value }: TlsSubject): boolean {
  switch (kind) {
    case 'dn':
      return hasSubject(content, parseDistinguishedName(value));
    case 'dns':
      return content.dnsNames.some((name) => name.toLowerCase() === value.toLowerCase());
    case 'uri':
      return content.uris.includes(value);
    case 'email':
      return content.emails.some((email) => sameMailbox(email) === sameMailbox(value));
    default:
      return hasAddress(content, addressBytes(value));
  }
}

function hasSubject({ subject }: CertificateContent, expected: DistinguishedName | undefined): boolean {
  return expected !== undefined && isSameName(expected, subject);
}

function hasAddress({ ipAddresses }: CertificateContent, expected: readonly number[] | null): boolean {
  return expected !== null && ipAddresses.some((address) => address.equals(Buffer.from(expected)));
}

/** RFC 5280 §7.5: the host in any case, what is before it character by character. */
function sameMailbox(email: string): string {
  const at = email.lastIndexOf('@');
  return email.slice(0, at) + email.slice(at).toLowerCase();
}
