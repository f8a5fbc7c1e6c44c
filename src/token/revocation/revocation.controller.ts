import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../access/index.js';
import { Documented } from '../../openapi/index.js';
import { readTokenParameter } from '../../protocol/index.js';
import { ClientRequests } from '../client-requests.service.js';
import { revokeOwnToken } from '../oauth.documentation.js';
import { ordinaryRequest } from '../wire-request.js';
import { RevocationEndpoint } from './revocation.endpoint.js';

/** Token revocation (RFC 7009). Form in, an empty 200 out; the client authenticates as at the token endpoint. */
@Controller('oauth')
export class RevocationController {
  constructor(
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(RevocationEndpoint) private readonly endpoint: RevocationEndpoint,
  ) {}

  @Post('revoke')
  @Public()
  @HttpCode(200)
  @Documented(revokeOwnToken)
  async revoke(@Req() wire: FastifyRequest): Promise<void> {
    const { request, rest } = await this.requests.read(
      ordinaryRequest(wire),
      'token.revocation_denied',
      readTokenParameter,
    );
    await this.endpoint.answer(request, rest);
  }
}
