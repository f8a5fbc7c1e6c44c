import { hash, X509Certificate } from 'node:crypto';

/** The certificate that a client showed in the TLS handshake, as a trusted proxy tells it (RFC 9440). */
export interface ClientCertificate {
  /** `x5t#S256`: base64url of the SHA-256 of the DER (RFC 8705 §3.1). */
  readonly thumbprint: string;
  readonly x509: X509Certificate;
  /** What stands between it and a trust anchor, issuer after issuer, as far as the proxy tells; may be empty. */
  readonly chain: readonly X509Certificate[];
}

/** A header field that should hold certificates holds something else. */
export class MalformedCertificate extends Error {
  override readonly name = 'MalformedCertificate';
}

const maxTextLength = 12_288;
const maxChainLength = 8;

/** RFC 8941 §3.3.5: a byte sequence; padding may be left out (§4.2.7). */
const byteSequence = /^:([A-Za-z0-9+/]+={0,2}):$/;

/** RFC 7468 §2, as it is after URL decoding. */
const pem = /^-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----(?:\r?\n)?$/;

/** What proxies send that have no certificate to tell of: nothing, or a byte sequence of nothing. */
const absent = new Set(['', '::']);

/**
 * Reads what a proxy tells of a client's certificate.
 *
 * @param certificate `Client-Cert`: the DER as a byte sequence (RFC 9440 §2.2), or a URL-encoded PEM as nginx has it in
 *   `$ssl_client_escaped_cert`. Two fields, joined by a comma, are none of both.
 * @param chain `Client-Cert-Chain`: a list of byte sequences (RFC 9440 §2.3), without the certificate itself and the anchor
 * @returns `undefined` if the field is there and empty
 * @throws MalformedCertificate
 */
export function readClientCertificate(certificate: string, chain?: string): ClientCertificate | undefined {
  const text = certificate.trim();
  if (absent.has(text)) return undefined;
  const x509 = text.startsWith(':') ? fromByteSequence(text) : fromEscapedPem(text);
  return {
    thumbprint: hash('sha256', x509.raw, 'base64url'),
    x509,
    chain: chain === undefined ? [] : readChain(chain),
  };
}

function readChain(text: string): X509Certificate[] {
  if (text.length > maxTextLength) throw new MalformedCertificate('too long');
  if (text.trim() === '') return [];
  const members = text.split(',');
  if (members.length > maxChainLength) throw new MalformedCertificate('too many certificates');
  return members.map((member) => fromByteSequence(member.trim()));
}

function fromByteSequence(text: string): X509Certificate {
  return fromBase64(text.length > maxTextLength ? undefined : byteSequence.exec(text)?.[1]);
}

function fromEscapedPem(text: string): X509Certificate {
  if (text.length > maxTextLength || !text.startsWith('-----BEGIN'))
    throw new MalformedCertificate('not a certificate');
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw new MalformedCertificate('not URL-encoded', { cause: error });
  }
  return fromBase64(pem.exec(decoded)?.[1]);
}

function fromBase64(text: string | undefined): X509Certificate {
  if (text === undefined) throw new MalformedCertificate('not a certificate');
  const der = Buffer.from(text, 'base64');
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(der);
  } catch (error) {
    throw new MalformedCertificate('not a certificate', { cause: error });
  }
  // What follows the certificate would not be part of the thumbprint.
  if (!x509.raw.equals(der)) throw new MalformedCertificate('more than a certificate');
  return x509;
}
