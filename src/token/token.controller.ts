import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { originOf, Public } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import { FastLane } from '../http/index.js';
import {
  invalidRequest,
  isFormMediaType,
  OAuthError,
  parseForm,
  readClientCredentials,
  readTokenRequest,
} from '../protocol/index.js';
import { type TokenAttempt, TokenEndpoint } from './token-endpoint.js';

/** A request for a token as either way into the server hands it over. */
type WireRequest = Pick<FastifyRequest, 'id' | 'ip' | 'headers'> & { readonly body: unknown };

/** The token endpoint (RFC 6749 §3.2). Form in, JSON of §5.1 out; errors as §5.2. */
@Controller('oauth')
export class TokenController {
  private readonly demandsHttps: boolean;

  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(FastLane) fastLane: FastLane,
    @Inject(TokenEndpoint) private readonly endpoint: TokenEndpoint,
  ) {
    this.demandsHttps = server.issuer.startsWith('https:') && server.trustProxy.length > 0;
    fastLane.post('/oauth/token', (request) => this.answer(request, true));
  }

  /** The ordinary way in: behind a proxy, or for a request that is in any way unusual. */
  @Post('token')
  @Public()
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const secure = request.headers['x-forwarded-proto'] === undefined || request.protocol === 'https';
    const json = await this.answer(request, secure);
    await reply.code(200).header('content-type', 'application/json').send(json);
  }

  private async answer(request: WireRequest, secure: boolean): Promise<string> {
    const origin = originOf(request);
    let claimed: string | undefined;
    let attempt: TokenAttempt;
    try {
      if (!isFormMediaType(request.headers['content-type'])) {
        throw invalidRequest('the body must be application/x-www-form-urlencoded');
      }
      // RFC 6749 §1.6, §3.2: credentials must not come over plain HTTP, as a trusted proxy would tell.
      if (this.demandsHttps && !secure) throw invalidRequest('this endpoint takes requests over TLS only');
      const form = parseForm(request.body instanceof Uint8Array ? request.body : new Uint8Array());
      claimed = form.get('client_id')?.[0];
      const credentials = readClientCredentials(request.headers.authorization, form);
      claimed = credentials.clientId;
      attempt = { credentials, request: readTokenRequest(form), origin };
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      throw await this.endpoint.refused(error, origin, claimed);
    }
    return (await this.endpoint.answer(attempt)).json;
  }
}
