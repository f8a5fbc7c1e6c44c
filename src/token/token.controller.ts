import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { originOf, Public } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import {
  invalidRequest,
  isFormMediaType,
  OAuthError,
  parseForm,
  readClientCredentials,
  readTokenRequest,
} from '../protocol/index.js';
import { type TokenAttempt, TokenEndpoint } from './token-endpoint.js';

/** The token endpoint (RFC 6749 §3.2). */
@Controller('oauth')
export class TokenController {
  private readonly demandsHttps: boolean;

  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(TokenEndpoint) private readonly endpoint: TokenEndpoint,
  ) {
    this.demandsHttps = server.issuer.startsWith('https:') && server.trustProxy.length > 0;
  }

  /** Form in, JSON of RFC 6749 §5.1 out; errors as §5.2. */
  @Post('token')
  @Public()
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const response = await this.endpoint.answer(await this.read(request));
    await reply.code(200).header('content-type', 'application/json').send(response.json);
  }

  private async read(request: FastifyRequest): Promise<TokenAttempt> {
    const origin = originOf(request);
    let claimed: string | undefined;
    try {
      if (!isFormMediaType(request.headers['content-type'])) {
        throw invalidRequest('the body must be application/x-www-form-urlencoded');
      }
      this.refusePlainHttp(request);
      const form = parseForm(request.body instanceof Uint8Array ? request.body : new Uint8Array());
      claimed = form.get('client_id')?.[0];
      const credentials = readClientCredentials(request.headers.authorization, form);
      claimed = credentials.clientId;
      return { credentials, request: readTokenRequest(form), origin };
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      throw await this.endpoint.refused(error, origin, claimed);
    }
  }

  /** RFC 6749 §1.6, §3.2: credentials must not come over plain HTTP, as a trusted proxy would tell. */
  private refusePlainHttp(request: FastifyRequest): void {
    if (this.demandsHttps && request.headers['x-forwarded-proto'] !== undefined && request.protocol !== 'https') {
      throw invalidRequest('this endpoint takes requests over TLS only');
    }
  }
}
