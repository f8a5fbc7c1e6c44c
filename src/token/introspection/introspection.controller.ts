import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../access/index.js';
import { FastLane } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import { readTokenParameter } from '../../protocol/index.js';
import { ClientRequests } from '../client-requests.service.js';
import { introspectToken } from '../oauth.documentation.js';
import { TokenTraffic } from '../token-traffic.js';
import { ordinaryRequest, plainRequest, type WireRequest } from '../wire-request.js';
import { IntrospectionEndpoint } from './introspection.endpoint.js';

/** Token introspection (RFC 7662). Form in, JSON out; the client authenticates as at the token endpoint. */
@Controller('oauth')
export class IntrospectionController {
  constructor(
    @Inject(FastLane) fastLane: FastLane,
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(IntrospectionEndpoint) private readonly endpoint: IntrospectionEndpoint,
    @Inject(TokenTraffic) private readonly traffic: TokenTraffic,
  ) {
    fastLane.post('/oauth/introspect', (request) => this.answer(plainRequest(request)));
  }

  @Post('introspect')
  @Public()
  @HttpCode(200)
  @Documented(introspectToken)
  async introspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const json = await this.answer(ordinaryRequest(request));
    await reply.header('content-type', 'application/json').send(json);
  }

  private async answer(wire: WireRequest): Promise<string> {
    try {
      const { request, rest } = await this.requests.read(wire, 'token.introspection_denied', readTokenParameter);
      const json = await this.endpoint.answer(request, rest);
      this.traffic.introspected(json.startsWith('{"active":true') ? 'active' : 'inactive');
      return json;
    } catch (error) {
      this.traffic.introspectionDenied(error);
      throw error;
    }
  }
}
