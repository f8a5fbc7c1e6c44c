import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/index.js';
import { PreparedDocuments } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { KeyRing } from './key-ring.js';
import { getKeySet, getPublicKey } from './keys.documentation.js';

/** The public keys, for those who verify tokens. Answered from memory. */
@Controller()
export class KeysController {
  constructor(
    @Inject(KeyRing) private readonly keyRing: KeyRing,
    @Inject(PreparedDocuments) documents: PreparedDocuments,
  ) {
    documents.serve('/.well-known/jwks.json', () => keyRing.keySet);
  }

  /** The JWKS (RFC 7517 §5). */
  @Public()
  @Get('.well-known/jwks.json')
  @Documented(getKeySet)
  keySet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const document = this.keyRing.keySet;
    reply.header('cache-control', document.cacheControl).header('etag', document.entityTag);
    if (document.isKnownTo(request.headers['if-none-match'])) {
      void reply.code(304).send();
      return;
    }
    void reply.header('content-type', 'application/json').send(document.body);
  }

  /** The active public key alone, for clients that cannot read a JWKS. */
  @Public()
  @Get('oauth/public-key')
  @Header('content-type', 'text/plain; charset=utf-8')
  @Documented(getPublicKey)
  publicKey(): string {
    return this.keyRing.publicKeyPem;
  }
}
