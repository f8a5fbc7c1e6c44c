import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { ApiDocsConfig } from '../config/index.js';
import { ApiDocument } from './api-document.service.js';
import { OpenApiController } from './openapi.controller.js';

/** The description of the API, and its page. */
@Module({ controllers: [OpenApiController], providers: [ApiDocument] })
export class OpenApiModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ApiDocsConfig) private readonly config: ApiDocsConfig,
  ) {}

  /**
   * `/docs/` leads to `/docs`: what the page loads is named from where it stands, without the slash. Nest takes it for no route,
   * so that this is said before it looks.
   */
  onModuleInit(): void {
    if (!this.config.served) return;
    const fastify = this.adapterHost.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, reply, done) => {
      const isAsked = request.method === 'GET' || request.method === 'HEAD';
      if (isAsked && request.url === '/docs/') void reply.code(308).header('location', '../docs').send();
      else done();
    });
  }
}
