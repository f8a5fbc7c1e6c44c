import {
  byteSequence,
  certificateOfIssuer as issuer,
  certificateOne as one,
  certificateTwo as two,
  pemOf,
} from '../../test/support/certificates.js';
import type { ServerConfig } from '../config/index.js';
import { OAuthError } from '../protocol/index.js';
import type { ClientCertificate } from './client-certificate.js';
import { ClientCertificates } from './client-certificates.js';

const proxy = '10.0.0.7';

function told(headers: Record<string, string>, peerAddress = proxy): ClientCertificate | undefined {
  const certificates = new ClientCertificates({ trustProxy: ['10.0.0.0/24', '::1/128'] } as unknown as ServerConfig);
  return certificates.of({ peerAddress, headers });
}

describe('RFC 9440 Client-Cert', () => {
  it('is the certificate, with the thumbprint of RFC 8705 §3.1', () => {
    const certificate = told({ 'client-cert': byteSequence(one) });
    expect(certificate?.thumbprint).toBe(one.thumbprint);
    expect(certificate?.x509.subject).toBe('O=Example\nCN=one.example.com');
    expect(certificate?.chain).toEqual([]);
    expect(told({ 'client-cert': byteSequence(two) })?.thumbprint).toBe(two.thumbprint);
  });

  it.each<[string, string]>([
    ['without padding', `:${one.der.replace(/=+$/, '')}:`],
    ['as nginx escapes a PEM', encodeURIComponent(pemOf(one))],
    ['as a PEM with CRLF', encodeURIComponent(pemOf(one).replaceAll('\n', '\r\n'))],
    ['as a PEM whose plus signs are not escaped', encodeURIComponent(pemOf(one)).replaceAll('%2B', '+')],
  ])('%s', (_, value) => {
    expect(told({ 'client-cert': value })?.thumbprint).toBe(one.thumbprint);
  });

  it('with the chain of Client-Cert-Chain', () => {
    for (const chain of [
      `${byteSequence(issuer)}, ${byteSequence(two)}`,
      `${byteSequence(issuer)},${byteSequence(two)}`,
    ]) {
      const certificate = told({ 'client-cert': byteSequence(one), 'client-cert-chain': chain });
      expect(certificate?.chain.map(({ subject }) => subject)).toEqual([
        'O=Example\nCN=Issuing CA',
        'O=Example\nCN=other.example.com',
      ]);
    }
    expect(told({ 'client-cert': byteSequence(one), 'client-cert-chain': '' })?.chain).toEqual([]);
  });

  it.each<Record<string, string>>([
    {},
    { 'client-cert': '' },
    { 'client-cert': '::' },
    { 'client-cert-chain': byteSequence(issuer) },
    { 'x-client-cert': byteSequence(one) },
    { 'ssl-client-cert': byteSequence(one) },
  ])('there is none in %j', (headers) => {
    expect(told(headers)).toBeUndefined();
  });

  it.each(['10.0.1.7', '127.0.0.1', '', '10.0.0', '::ffff:10.0.1.7', '::2'])(
    'threat 28: from %p, who is not trusted, it means nothing',
    (peerAddress) => {
      expect(told({ 'client-cert': byteSequence(one) }, peerAddress)).toBeUndefined();
      expect(told({ 'client-cert': 'garbage' }, peerAddress)).toBeUndefined();
    },
  );

  it('threat 28: nobody is trusted unless TRUST_PROXY says so', () => {
    const certificates = new ClientCertificates({ trustProxy: [] } as unknown as ServerConfig);
    const headers = { 'client-cert': byteSequence(one) };
    expect(certificates.of({ peerAddress: '127.0.0.1', headers })).toBeUndefined();
  });

  it.each([proxy, '::ffff:10.0.0.7', '::1'])('from the proxy %p it is believed', (peerAddress) => {
    expect(told({ 'client-cert': byteSequence(one) }, peerAddress)?.thumbprint).toBe(one.thumbprint);
  });
});

describe('what a trusted proxy tells must be readable: a fault must not pass for no certificate', () => {
  const middle = Math.floor(one.der.length / 2);
  const faults: [string, string][] = [
    ['a word', 'none'],
    ['(null), as Apache has it', '(null)'],
    ['bare base64', one.der],
    ['base64url', `:${one.der.replaceAll('+', '-').replaceAll('/', '_')}:`],
    ['one colon', `:${one.der}`],
    ['a parameter', `${byteSequence(one)};a=1`],
    ['two certificates', `${byteSequence(one)}, ${byteSequence(two)}`],
    ['the same one twice', `${byteSequence(one)}, ${byteSequence(one)}`],
    ['one and an empty one', `${byteSequence(one)}, `],
    ['half a certificate', `:${one.der.slice(0, middle - (middle % 4))}:`],
    ['no certificate', `:${Buffer.from('certificate').toString('base64')}:`],
    ['more behind it', `:${Buffer.concat([Buffer.from(one.der, 'base64'), Buffer.from('x')]).toString('base64')}:`],
    ['a PEM inside', `:${Buffer.from(pemOf(one)).toString('base64')}:`],
    ['a PEM that is not escaped', pemOf(one).replaceAll('\n', ' ')],
    ['a PEM that is badly escaped', `${encodeURIComponent(pemOf(one))}%`],
    ['two PEMs', encodeURIComponent(`${pemOf(one)}${pemOf(two)}`)],
    ['a PEM of a key', encodeURIComponent(pemOf(one).replaceAll('CERTIFICATE', 'PRIVATE KEY'))],
    ['too much', `:${'A'.repeat(16_384)}:`],
  ];

  it.each(faults)('Client-Cert: %s', (_, value) => {
    expect(() => told({ 'client-cert': value })).toThrow(OAuthError);
    try {
      told({ 'client-cert': value });
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_request', status: 400 });
      expect((error as OAuthError).description).not.toContain(value.slice(0, 16));
    }
  });

  it.each<[string, string]>([
    ['a word', 'none'],
    ['an empty member', `${byteSequence(issuer)},,${byteSequence(two)}`],
    ['a PEM', encodeURIComponent(pemOf(issuer))],
    ['no certificate', ':AAAA:'],
    ['too many', Array.from({ length: 9 }, () => byteSequence(issuer)).join(', ')],
  ])('Client-Cert-Chain: %s', (_, chain) => {
    expect(() => told({ 'client-cert': byteSequence(one), 'client-cert-chain': chain })).toThrow(OAuthError);
  });
});
