import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { ServerConfig } from '../config/index.js';
import { type Cidr, cidrContains, invalidRequest, parseCidr } from '../protocol/index.js';
import { type ClientCertificate, MalformedCertificate, readClientCertificate } from './client-certificate.js';

/** The client certificates that trusted proxies tell of (RFC 9440). */
@Injectable()
export class ClientCertificates {
  private readonly proxies: readonly Cidr[];

  constructor(@Inject(ServerConfig) { trustProxy }: ServerConfig) {
    this.proxies = trustProxy.map(parseCidr).filter((cidr) => cidr !== null);
  }

  /**
   * The certificate of the TLS connection between the client and a trusted proxy. From anybody else the header fields mean
   * nothing (security.md threat 28).
   *
   * @param request.peerAddress address of who is connected to us, not of whom it speaks for
   * @returns `undefined` if there is none, or nobody who may tell
   * @throws OAuthError `invalid_request` if a trusted proxy sends what is no certificate: it must not pass for none
   */
  of(request: { readonly peerAddress: string; readonly headers: IncomingHttpHeaders }): ClientCertificate | undefined {
    const { 'client-cert': certificate, 'client-cert-chain': chain } = request.headers;
    if (certificate === undefined || !cidrContains(this.proxies, request.peerAddress)) return undefined;
    try {
      return readClientCertificate(String(certificate), chain === undefined ? undefined : String(chain));
    } catch (error) {
      if (!(error instanceof MalformedCertificate)) throw error;
      throw invalidRequest('the client certificate that the proxy tells of cannot be read', error);
    }
  }
}
