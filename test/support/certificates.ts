/** A certificate that a client shows, as the tests know it. */
export interface KnownCertificate {
  /** DER in base64. */
  readonly der: string;
  /** `x5t#S256`, as OpenSSL computes it. */
  readonly thumbprint: string;
}

/** Self-signed, `O=Example, CN=one.example.com`. */
export const certificateOne: KnownCertificate = {
  der:
    'MIIBzDCCAXGgAwIBAgIUaxwCw0jaERbipohf1xK4D7Rd7KAwCgYIKoZIzj0EAwIwLDEQMA4GA1UECgwHRXhhbXBsZTEYMBYGA1UEAwwP' +
    'b25lLmV4YW1wbGUuY29tMCAXDTI2MTEyMTE3NDU0MloYDzIxMjYxMDI4MTc0NTQyWjAsMRAwDgYDVQQKDAdFeGFtcGxlMRgwFgYDVQQD' +
    'DA9vbmUuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQnRISDpCHY9CZiji/zxqaPBkp//TKRdQAUeuDXLogceDgN' +
    '/z5O19kwFr4Axf4JHcYzzVQzMpYdeXFGkGc4xhsao28wbTAdBgNVHQ4EFgQUKI/Lld7pjdYhvU8Biy+wFKRON4QwHwYDVR0jBBgwFoAU' +
    'KI/Lld7pjdYhvU8Biy+wFKRON4QwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgg9vbmUuZXhhbXBsZS5jb20wCgYIKoZIzj0EAwID' +
    'SQAwRgIhAINB/CAs46V0tWAzh1McusEEcNZC3/xuo06aE4WqyDxPAiEA9ZhQT3KDZm7fMqWBCu11ws1RQRHCJABlQu1eKRe4g9o=',
  thumbprint: 'gwlxb5OWQi6LrCpfiCYO1Ur9miLWem-v01ymbwUpqOU',
};

/** Self-signed, `O=Example, CN=other.example.com`. */
export const certificateTwo: KnownCertificate = {
  der:
    'MIIB0jCCAXegAwIBAgIUBirmdp44G3ITflyl6hDgu1ZEkdYwCgYIKoZIzj0EAwIwLjEQMA4GA1UECgwHRXhhbXBsZTEaMBgGA1UEAwwR' +
    'b3RoZXIuZXhhbXBsZS5jb20wIBcNMjYxMTIxMTc0NTQyWhgPMjEyNjEwMjgxNzQ1NDJaMC4xEDAOBgNVBAoMB0V4YW1wbGUxGjAYBgNV' +
    'BAMMEW90aGVyLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEs+BwWWmtIwEXd+kmB7i1NhifR2P2yqd9pdfatGyT' +
    '8LMfMc46DJ2kFJQ3k7jIn3P+QmW6eG0JP0ycRFpDXWsBOaNxMG8wHQYDVR0OBBYEFG5Hj4hoKxApWQWTZ0Jin/d4w/P7MB8GA1UdIwQY' +
    'MBaAFG5Hj4hoKxApWQWTZ0Jin/d4w/P7MA8GA1UdEwEB/wQFMAMBAf8wHAYDVR0RBBUwE4IRb3RoZXIuZXhhbXBsZS5jb20wCgYIKoZI' +
    'zj0EAwIDSQAwRgIhAOgHzWSNgaJx4clzN1ix3LBpUV99ek7uofDlZey99aBFAiEAi1h9Pt/jSywORCt4SM12smDpFmcFqRxUHAAMBjdn' +
    'DLU=',
  thumbprint: 'zus464lvc7Kru-fH3ygpfYJgsNi3l-__wnoc8ewaHD0',
};

/** Self-signed, `O=Example, CN=Issuing CA`. */
export const certificateOfIssuer: KnownCertificate = {
  der:
    'MIIBpDCCAUugAwIBAgIUDjyrXmoZlcWnvH+pewhwOScVKCswCgYIKoZIzj0EAwIwJzEQMA4GA1UECgwHRXhhbXBsZTETMBEGA1UEAwwK' +
    'SXNzdWluZyBDQTAgFw0yNjExMjExNzQ1NDJaGA8yMTI2MTAyODE3NDU0MlowJzEQMA4GA1UECgwHRXhhbXBsZTETMBEGA1UEAwwKSXNz' +
    'dWluZyBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMJXNrDUy8Vkyxje0XlxK8UAOWG3e8JIWV0hPjuurpGVHLLZka6bkWrAkILZ' +
    'cT5tltp3Ys7KUXyDfPwKX7n/Yv6jUzBRMB0GA1UdDgQWBBRXwdwHTYyimp7YNezzm3Nn1AeS5zAfBgNVHSMEGDAWgBRXwdwHTYyimp7Y' +
    'Nezzm3Nn1AeS5zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDq2By4MXcxj/hWXr3K0wS862pWL8mwOMXiQnBExTlrf' +
    'AiAj5xkHo45fYmj98E2P+hUuqddqjTxMiJPoM934g/HMZQ==',
  thumbprint: 'av59H5GurGtBykVsvQMWlnmiHv-cYY6nlk3hXNPcfbc',
};

/** `Client-Cert` as RFC 9440 §2.2 has it. */
export function byteSequence({ der }: KnownCertificate): string {
  return `:${der}:`;
}

/** PEM (RFC 7468). */
export function pemOf({ der }: KnownCertificate): string {
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
