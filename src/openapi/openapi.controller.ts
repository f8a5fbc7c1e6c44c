import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/index.js';
import { ApiDocsConfig } from '../config/index.js';
import { isNotModified } from '../protocol/index.js';
import { ApiDocument } from './api-document.service.js';
import { Documented } from './documentation.js';
import { documentationAsset, documentationPage, nothingHere, openApiDocument } from './openapi.documentation.js';
import type { PageFile } from './page-file.js';
import { pageAsset, pageFile, pagePolicy } from './swagger-ui.js';

/** The API, described for machines and for people (http-api.md, "Running"). */
@Public()
@Controller()
export class OpenApiController {
  /** By name; filled as they are asked for. */
  private readonly files = new Map<string, PageFile>();

  constructor(
    @Inject(ApiDocument) private readonly api: ApiDocument,
    @Inject(ApiDocsConfig) private readonly config: ApiDocsConfig,
  ) {}

  @Get('openapi.json')
  @Documented(openApiDocument)
  async document(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.checkServed();
    await answer(request, reply, await this.api.json());
  }

  @Get('docs')
  @Documented(documentationPage)
  async page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.checkServed();
    reply.header('content-security-policy', pagePolicy);
    await answer(request, reply, pageFile());
  }

  @Get('docs/:file')
  @Documented(documentationAsset)
  async asset(@Param('file') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.checkServed();
    const file = this.files.get(name) ?? (await pageAsset(name));
    if (file === undefined) throw nothingHere();
    this.files.set(name, file);
    await answer(request, reply, file);
  }

  /** @throws Problem 404 where the operator does not want it seen */
  private checkServed(): void {
    if (!this.config.served) throw nothingHere();
  }
}

/** Whoever has a file asks each time whether it is still the same. */
async function answer(request: FastifyRequest, reply: FastifyReply, file: PageFile): Promise<void> {
  void reply.header('cache-control', 'no-cache').header('etag', file.entityTag);
  if (isNotModified(request.headers['if-none-match'], file.entityTag)) {
    await reply.code(304).send();
    return;
  }
  await reply.header('content-type', file.mediaType).send(file.content);
}
