import { createServer, type ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { type Egress, EgressError } from '../../src/egress/index.js';
import {
  type CertificateOptions,
  exampleName,
  issueCertificate,
  type IssuedCertificate,
} from '../support/certificate-authority.js';
import { type EgressOptions, httpSink, listen, openEgress, type Sink } from '../support/egress.js';

const host = 'hooks.example.com';
const limits = { timeoutMs: 10_000, maxBytes: 1_024 };

const loopback = [127, 0, 0, 1];
const testCa = { subject: exampleName('Test CA'), authority: true };
const authority = issueCertificate(testCa);
const good = served({ dns: [host], ips: [loopback], issuer: authority });

/** A certificate and its private key as a TLS server takes them. */
function served(options: CertificateOptions): { cert: string; key: string } {
  const { pem, privateKey }: IssuedCertificate = issueCertificate({ subject: exampleName(host), ...options });
  return { cert: pem, key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) };
}

let opened: { close(): Promise<void> }[] = [];
let requests: string[];

beforeEach(() => {
  requests = [];
});

afterEach(async () => {
  await Promise.all(opened.map((thing) => thing.close()));
  opened = [];
});

async function tlsSink(options: ServerOptions): Promise<Sink> {
  const server = createServer(options, (request, response) => {
    const { servername } = request.socket as TLSSocket & { servername: string | false };
    requests.push(`${servername} ${request.headers.host?.split(':', 1)[0]}`);
    response.end('secure');
  });
  server.on('tlsClientError', () => undefined);
  const sink = await listen(server);
  opened.push(sink);
  return sink;
}

function egressWith(options: EgressOptions = {}): Egress {
  const egress = openEgress({
    networks: ['127.0.0.0/8'],
    hosts: { [host]: ['127.0.0.1'], 'other.example.com': ['127.0.0.1'] },
    connector: { ca: [authority.pem] },
    ...options,
  });
  opened.unshift({ close: () => egress.onApplicationShutdown() });
  return egress;
}

/** The class of the error, or the body. */
async function outcome(url: string, egress = egressWith()): Promise<string> {
  try {
    return (await egress.request(url, limits)).body.toString();
  } catch (error) {
    return error instanceof EgressError ? error.code : String(error);
  }
}

describe('over TLS', () => {
  it('the server is asked for, and verified, by the name of the URL', async () => {
    const { port } = await tlsSink(good);
    expect(await outcome(`https://${host}:${port}/`)).toBe('secure');
    expect(requests).toEqual([`${host} ${host}`]);
  });

  it('an address is verified, and is no server name', async () => {
    const { port } = await tlsSink(good);
    expect(await outcome(`https://127.0.0.1:${port}/`)).toBe('secure');
    expect(requests).toEqual(['false 127.0.0.1']);
  });

  it.each<[string, () => ServerOptions]>([
    ['self-signed', () => served({ dns: [host] })],
    ['of an authority that nobody knows', () => served({ dns: [host], issuer: issueCertificate(testCa) })],
    ['expired', () => served({ dns: [host], issuer: authority, notAfter: new Date('2021-01-01T00:00:00Z') })],
    ['not valid yet', () => served({ dns: [host], issuer: authority, notBefore: new Date('2120-01-01T00:00:00Z') })],
    ['of another name', () => served({ dns: ['other.example.com'], issuer: authority })],
    [
      'of an address, asked for by name',
      () => served({ subject: exampleName('x'), ips: [loopback], issuer: authority }),
    ],
  ])('E-21: a certificate that is %s is a tls_error, and nothing is sent', async (_, certificate) => {
    const { port } = await tlsSink(certificate());
    expect(await outcome(`https://${host}:${port}/`)).toBe('tls_error');
    expect(requests).toEqual([]);
  });

  it('E-21: a server that speaks TLS 1.1 at most is a tls_error', async () => {
    const { port } = await tlsSink({
      ...good,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    expect(await outcome(`https://${host}:${port}/`)).toBe('tls_error');
    expect(requests).toEqual([]);
  });

  it('E-21: certificates are those that Node.js trusts, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    const { port } = await tlsSink(good);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await outcome(`https://${host}:${port}/`, egressWith({ connector: {} }))).toBe('tls_error');
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(requests).toEqual([]);
  });

  it('a private target that speaks no TLS is refused like a closed port', async () => {
    const sink = await httpSink((_, response) => response.end('plain'));
    opened.push(sink);
    expect(await outcome(`https://${host}:${sink.port}/`)).toBe('refused');
  });
});
