/**
 * RFC 8705, OAuth 2.0 Mutual-TLS Client Authentication and Certificate-Bound Access Tokens: §2, authentication.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2 | `client_id` in the request, and nothing else beside the certificate | §2 |
 * | §2 | a certificate that is not the client's: `invalid_client` | §2.1, §2.2; J-25 |
 * | §2.1 | PKI: the chain is verified, the subject is the registered one | §2.1 "chain"; J-25 |
 * | §2.1.2 | `tls_client_auth_subject_dn`, compared as a name | §2.1 "subject" |
 * | §2.1.2 | `tls_client_auth_san_*` | §2.1 "alternative names" |
 * | §2.1.2 | exactly one of them | e2e/admin-client-methods |
 * | §2.2 | self-signed: the key, or the certificate, is registered | §2.2 |
 * | §2.2.2 | `jwks` or `jwks_uri` | §2.2 "at a jwks_uri" |
 * | §6.2, §7.4 | the certificate comes from the TLS connection, told by a proxy that is trusted | §2 "from a proxy"; binding |
 * | §5; RFC 8414 | metadata | "metadata" |
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CertificateOptions,
  commonName,
  exampleName,
  issueCertificate,
  type IssuedCertificate,
  organization,
} from '../support/certificate-authority.js';
import { httpSink } from '../support/egress.js';
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const ca = issueCertificate({ subject: exampleName('CA'), authority: { pathLength: 1 } });
const intermediate = issueCertificate({ subject: exampleName('Issuing CA'), authority: true, issuer: ca });
/** An authority of the same name, whom nobody asked. */
const otherCa = issueCertificate({ subject: exampleName('CA'), authority: true });
const clientAuth = '1.3.6.1.5.5.7.3.2';

const directory = mkdtempSync(join(tmpdir(), 'signet-rfc8705-'));
/** Trusts this machine as its proxy, and certificates of `ca`. */
let server: TestServer;
/** Leaves the chain to the proxy. */
let lenient: TestServer;
/** Trusts nobody. */
let direct: TestServer;
let ledger: Ledger;
let a: Credentials;

beforeAll(async () => {
  const file = join(directory, 'authorities.pem');
  writeFileSync(file, ca.pem);
  server = await startServer({
    env: { TRUST_PROXY: '127.0.0.1', TLS_CLIENT_CA_FILE: file, EVENT_TARGET_NETWORKS: '127.0.0.0/8' },
  });
  lenient = await startServer({ beside: server, env: { TLS_CLIENT_CA_FILE: '' } });
  direct = await startServer({ beside: server, env: { TRUST_PROXY: '' } });
  ledger = await Ledger.open(server, lenient, direct);
  a = await server.createClient({ client_name: 'A', scope: 'read:profile' });
});

afterAll(async () => {
  await ledger?.close();
  await direct?.stop();
  await lenient?.stop();
  await server?.stop();
  rmSync(directory, { recursive: true });
});

function issue(options: CertificateOptions = {}): IssuedCertificate {
  return issueCertificate({ issuer: ca, ...options });
}

function send(
  client_id: string,
  certificate: IssuedCertificate | undefined,
  options: { to?: TestServer; chain?: readonly IssuedCertificate[]; parameters?: Record<string, string> } = {},
): Promise<Response> {
  const headers: Record<string, string> = {};
  if (certificate !== undefined) headers['client-cert'] = certificate.byteSequence;
  const { chain, parameters, to = server } = options;
  if (chain !== undefined) headers['client-cert-chain'] = chain.map(({ byteSequence }) => byteSequence).join(', ');
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, ...parameters });
  return to.fetch('/oauth/token', { method: 'POST', headers, body });
}

async function register(members: Record<string, unknown>): Promise<string> {
  const { client_id } = await server.createClient({ client_name: 'T', scope: 'read:profile', ...members });
  return client_id;
}

function pkiClient(members: Record<string, unknown> = { tls_client_auth_subject_dn: 'CN=client,O=Example' }) {
  return register({ token_endpoint_auth_method: 'tls_client_auth', ...members });
}

function selfSignedClient(members: Record<string, unknown>): Promise<string> {
  return register({ token_endpoint_auth_method: 'self_signed_tls_client_auth', ...members });
}

/** A refusal without a trace, for `reason`. */
async function refused(act: () => Promise<Response>, reason: string): Promise<void> {
  const { response, entry } = await ledger.refused(act);
  expect(entry.details).toMatchObject({ reason });
  await expectInvalidClient(response);
}

function jwkOf({ publicKey }: IssuedCertificate, members: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), ...members };
}

describe('§2', () => {
  it('client_id and the certificate are all that is needed', async () => {
    expect((await send(await pkiClient(), issue())).status).toBe(200);
  });

  it('without a certificate, or without client_id, nobody is authenticated', async () => {
    const client = await pkiClient();
    await refused(() => send(client, undefined), 'no_credentials');
    await refused(() => send('', issue()), 'no_credentials');
    await refused(() => send('nobody', issue()), 'unknown_client');
  });

  it('a certificate does not stand in for another method, nor another method for it', async () => {
    await refused(() => send(a.client_id, issue()), 'wrong_auth_method');
    const client = await pkiClient();
    await refused(() => send(client, issue(), { parameters: { client_secret: a.client_secret } }), 'wrong_secret');
    const headers = { authorization: basic(a), 'client-cert': issue().byteSequence };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    expect((await server.fetch('/oauth/token', { method: 'POST', headers, body })).status).toBe(200);
  });

  it('from a proxy that is trusted, and from nobody else', async () => {
    const client = await pkiClient();
    await expectInvalidClient(await send(client, issue(), { to: direct }));
  });

  it('a header that is no certificate is refused, not looked past', async () => {
    const broken = { ...issue(), byteSequence: ':AAAA:' };
    await expectOAuthError(await send(await pkiClient(), broken), 400, 'invalid_request');
  });

  it('a disabled client, or one from another network, stays out', async () => {
    const client = await pkiClient();
    await server.asAdmin('PATCH', `/admin/oauth/clients/${client}`, { status: 'disabled' });
    await refused(() => send(client, issue()), 'client_disabled');
    const elsewhere = await pkiClient({ tls_client_auth_san_dns: 'a.example', allowed_networks: ['10.0.0.0/8'] });
    await refused(() => send(elsewhere, issue({ dns: ['a.example'] })), 'network_not_allowed');
  });
});

describe('§2.1 subject', () => {
  it.each(['CN=client,O=Example', 'cn=client, o=Example', '2.5.4.3=client,2.5.4.10=Example', 'CN=\\63lient,O=Example'])(
    '%s is the name of the certificate',
    async (tls_client_auth_subject_dn) => {
      expect((await send(await pkiClient({ tls_client_auth_subject_dn }), issue())).status).toBe(200);
    },
  );

  it.each<[string, CertificateOptions]>([
    ['two common names', { subject: [...exampleName('client'), [[commonName, 'client']]] }],
    [
      'another common name before it',
      { subject: [[[organization, 'Example']], [[commonName, 'x']], [[commonName, 'client']]] },
    ],
    [
      'several attributes in one part',
      {
        subject: [
          [[organization, 'Example']],
          [
            [commonName, 'client'],
            [commonName, 'x'],
          ],
        ],
      },
    ],
    ['another order', { subject: [[[commonName, 'client']], [[organization, 'Example']]] }],
    ['other letters', { subject: exampleName('Client') }],
    ['an alternative name instead', { subject: exampleName('x'), dns: ['client'], emails: ['CN=client,O=Example'] }],
    ['a value that looks like several', { subject: [[[commonName, 'client,O=Example']]] }],
    ['no name', { subject: [] }],
  ])('J-25 not that of %s', async (_, options) => {
    const client = await pkiClient();
    await refused(() => send(client, issue(options)), 'certificate_subject');
  });
});

describe('§2.1 alternative names', () => {
  it.each<[Record<string, string>, CertificateOptions, CertificateOptions]>([
    [
      { tls_client_auth_san_dns: 'billing.example' },
      { dns: ['x.example', 'Billing.EXAMPLE'] },
      { dns: ['a.billing.example'] },
    ],
    [
      { tls_client_auth_san_uri: 'spiffe://e/billing' },
      { uris: ['spiffe://e/billing'] },
      { uris: ['spiffe://e/billing/'] },
    ],
    [{ tls_client_auth_san_ip: '192.0.2.7' }, { ips: [[192, 0, 2, 7]] }, { ips: [[192, 0, 2, 8]] }],
    [
      { tls_client_auth_san_ip: '2001:db8::7' },
      { ips: [[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]] },
      { ips: [[0x20, 0x01, 0x0d, 0xb8]] },
    ],
    [
      { tls_client_auth_san_email: 'ops@example.com' },
      { emails: ['ops@EXAMPLE.com'] },
      { emails: ['OPS@example.com'] },
    ],
  ])('%j', async (members, right, wrong) => {
    const client = await pkiClient(members);
    expect((await send(client, issue(right))).status).toBe(200);
    const [value = ''] = Object.values(members);
    await refused(() => send(client, issue(wrong)), 'certificate_subject');
    await refused(() => send(client, issue({ subject: [[[commonName, value]]] })), 'certificate_subject');
    const otherKind = 'dns' in right ? { uris: [value] } : { dns: [value] };
    await refused(() => send(client, issue(otherKind)), 'certificate_subject');
  });
});

describe('§2.1 chain', () => {
  it('leads to an authority that is configured, over others that the client shows', async () => {
    const client = await pkiClient();
    const leaf = issue({ issuer: intermediate });
    await refused(() => send(client, leaf), 'certificate_issuer');
    expect((await send(client, leaf, { chain: [intermediate] })).status).toBe(200);
    expect((await send(client, leaf, { chain: [otherCa, intermediate, ca] })).status).toBe(200);
  });

  const expired = issueCertificate({
    ...ca,
    subject: exampleName('Old CA'),
    authority: true,
    issuer: ca,
    notAfter: new Date('2021-01-01'),
  });
  const noAuthority = issueCertificate({ subject: exampleName('Nobody'), issuer: ca });
  const second = issueCertificate({ subject: exampleName('Second'), authority: true, issuer: intermediate });
  const odd = issueCertificate({
    subject: exampleName('Odd CA'),
    authority: true,
    issuer: ca,
    extensions: [['1.2.3.4', true, Buffer.from([0x05, 0x00])]],
  });

  it.each<[string, IssuedCertificate, readonly IssuedCertificate[]]>([
    ['another authority of the same name', issueCertificate({ issuer: otherCa }), [otherCa]],
    ['a self-signed certificate', issueCertificate(), []],
    ['a self-signed certificate in its own chain', issueCertificate({ authority: true }), [ca]],
    ['an expired authority in between', issueCertificate({ issuer: expired }), [expired]],
    ['a client that plays authority', issueCertificate({ issuer: noAuthority }), [noAuthority]],
    ['more authorities than are allowed', issueCertificate({ issuer: second }), [second, intermediate]],
    ['an authority with a condition that is unknown here', issueCertificate({ issuer: odd }), [odd]],
  ])('J-25 not that of %s', async (_, leaf, chain) => {
    const client = await pkiClient();
    await refused(() => send(client, leaf, { chain }), 'certificate_issuer');
  });

  it('J-25 not expired, not before its time, and not for something else', async () => {
    const client = await pkiClient();
    const past = issue({ notAfter: new Date(Date.now() - 5_000) });
    const future = issue({ notBefore: new Date(Date.now() + 60_000) });
    for (const certificate of [past, future]) await refused(() => send(client, certificate), 'certificate_expired');
    const forServers = issue({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] });
    await refused(() => send(client, forServers), 'certificate_usage');
    expect((await send(client, issue({ extendedKeyUsage: [clientAuth] }))).status).toBe(200);
  });

  it('without authorities of its own the server leaves the chain to the proxy, but takes none that signs itself', async () => {
    const client = await pkiClient();
    expect((await send(client, issueCertificate({ issuer: otherCa }), { to: lenient })).status).toBe(200);
    await expectInvalidClient(await send(client, issueCertificate(), { to: lenient }));
    await expectInvalidClient(await send(client, issue({ notAfter: new Date('2021-01-01') }), { to: lenient }));
    await expectInvalidClient(await send(client, issue({ subject: exampleName('x') }), { to: lenient }));
  });
});

describe('§2.2', () => {
  const own = issueCertificate({ subject: exampleName('own') });
  const stranger = issueCertificate({ subject: exampleName('own') });

  it('the key of the certificate is registered, whoever signed it', async () => {
    const client = await selfSignedClient({ jwks: { keys: [jwkOf(stranger), jwkOf(own)] } });
    expect((await send(client, own)).status).toBe(200);
    expect((await send(client, stranger)).status).toBe(200);
    expect((await send(client, issueCertificate({ keys: own, issuer: otherCa }))).status).toBe(200);
    await refused(() => send(client, issueCertificate({ subject: exampleName('own') })), 'certificate_key');
    await refused(() => send(client, issue()), 'certificate_key');
  });

  it('a certificate that is registered itself, or its hash, is the only one', async () => {
    const again = issueCertificate({ subject: exampleName('own'), keys: own });
    const thumbprint = Buffer.from(own.x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
    for (const members of [{ x5c: [own.x509.raw.toString('base64')] }, { 'x5t#S256': thumbprint }]) {
      const client = await selfSignedClient({ jwks: { keys: [jwkOf(own, members)] } });
      expect((await send(client, own)).status).toBe(200);
      await refused(() => send(client, again), 'certificate_key');
    }
    const client = await selfSignedClient({
      jwks: { keys: [jwkOf(stranger, { x5c: [own.x509.raw.toString('base64')] })] },
    });
    await refused(() => send(client, own), 'certificate_key');
  });

  it('J-25 not after its time', async () => {
    const client = await selfSignedClient({ jwks: { keys: [jwkOf(own)] } });
    const past = issueCertificate({ keys: own, notAfter: new Date(Date.now() - 5_000) });
    await refused(() => send(client, past), 'certificate_expired');
  });

  it('J-25 no self-signed certificate where an authority is registered', async () => {
    const client = await pkiClient({ tls_client_auth_subject_dn: 'CN=own,O=Example' });
    await refused(() => send(client, own), 'certificate_issuer');
  });

  it('the keys may be at a jwks_uri, and change there', async () => {
    let keys = [jwkOf(own)];
    const sink = await httpSink((_, response) => response.end(JSON.stringify({ keys })));
    const client = await selfSignedClient({ jwks_uri: `http://127.0.0.1:${sink.port}/` });
    expect((await send(client, own)).status).toBe(200);
    keys = [jwkOf(stranger)];
    expect((await send(client, stranger)).status).toBe(200);
    await sink.close();
  });
});

it('metadata: the methods are there where certificates can come', async () => {
  const methods = async (from: TestServer) => {
    const response = await from.fetch('/.well-known/oauth-authorization-server');
    return ((await response.json()) as Record<string, string[]>)['token_endpoint_auth_methods_supported'];
  };
  expect(await methods(server)).toEqual(expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']));
  expect(await methods(direct)).not.toContain('tls_client_auth');
});
