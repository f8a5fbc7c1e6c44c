import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/index.js';
import { FastLane } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { readTokenRequest } from '../protocol/index.js';
import { ClientRequests } from './client-requests.service.js';
import { requestToken } from './oauth.documentation.js';
import { TokenEndpoint } from './token-endpoint.js';
import { TokenTraffic } from './token-traffic.js';
import { ordinaryRequest, plainRequest, type WireRequest } from './wire-request.js';

/** The token endpoint (RFC 6749 §3.2). Form in, JSON of §5.1 out; errors as §5.2. */
@Controller('oauth')
export class TokenController {
  constructor(
    @Inject(FastLane) fastLane: FastLane,
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(TokenEndpoint) private readonly endpoint: TokenEndpoint,
    @Inject(TokenTraffic) private readonly traffic: TokenTraffic,
  ) {
    fastLane.post('/oauth/token', (request) => this.answer(plainRequest(request)));
  }

  @Post('token')
  @Public()
  @Documented(requestToken)
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const json = await this.answer(ordinaryRequest(request));
    await reply.code(200).header('content-type', 'application/json').send(json);
  }

  private async answer(wire: WireRequest): Promise<string> {
    let grantType: string | undefined;
    try {
      const { request, rest } = await this.requests.read(wire, 'token.denied', readTokenRequest);
      grantType = rest.grantType;
      const { json } = await this.endpoint.answer(request, rest);
      this.traffic.tokenIssued(grantType);
      return json;
    } catch (error) {
      this.traffic.tokenDenied(grantType, error);
      throw error;
    }
  }
}
