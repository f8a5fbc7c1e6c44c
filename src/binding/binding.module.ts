import { Global, Module } from '@nestjs/common';
import { ClientCertificates } from './client-certificates.js';
import { DpopNonces } from './dpop-nonces.js';
import { DpopProofs } from './dpop-proofs.js';

/** What binds a token to its sender: the certificate (RFC 8705) or the key (RFC 9449) that a request shows. */
@Global()
@Module({ providers: [ClientCertificates, DpopNonces, DpopProofs], exports: [ClientCertificates, DpopProofs] })
export class BindingModule {}
