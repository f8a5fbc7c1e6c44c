import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ServerConfig } from '../config/index.js';
import { type Components, withComponents } from './components.js';
import { operationOf, type Route } from './operation.js';
import { overview, securitySchemes, sharedHeaders, tags } from './overview.js';
import { type PageFile, pageFileOf } from './page-file.js';
import { readProject } from './project.js';
import { type Controller, declarationsOf } from './routes.js';

/**
 * The OpenAPI document of the running application: the routes are those that Nest has, who may call them and what their bodies
 * must be is what the guard and the pipes go by, and what else may go wrong is added by rule. Made when it is first asked for.
 */
@Injectable()
export class ApiDocument {
  private document: Promise<PageFile> | undefined;
  private app: NestFastifyApplication | undefined;

  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Says which application is to be described. */
  describe(app: NestFastifyApplication): void {
    this.app = app;
  }

  /** @throws Error when a route is not documented, or not truly */
  json(): Promise<PageFile> {
    this.document ??= this.build().catch((error: unknown) => {
      this.document = undefined;
      throw error;
    });
    return this.document;
  }

  private async build(): Promise<PageFile> {
    const scanned = await this.scan();
    const controllers = this.controllers();
    const components: Components = { schemas: {}, responses: {} };
    const routes = routesOf(scanned, controllers);
    const paths: Record<string, Record<string, unknown>> = {};
    for (const route of routes) {
      (paths[route.path] ??= {})[route.method.toLowerCase()] = withComponents(operationOf(route), components);
    }
    const { issuer } = this.server;
    const scopes = new Set(routes.flatMap(({ rule }) => (rule.kind === 'scope' ? [rule.scope] : [])));
    const used = new Set(routes.map(({ documentation }) => documentation.tag));
    const document = {
      openapi: scanned.openapi,
      info: { ...scanned.info, contact: undefined },
      servers: scanned.servers,
      tags: tags.filter(({ name }) => used.has(name)),
      paths,
      components: {
        ...components,
        headers: sharedHeaders,
        securitySchemes: securitySchemes(issuer, [...scopes].toSorted()),
      },
    };
    return pageFileOf('application/json', Buffer.from(JSON.stringify(document)));
  }

  /** What @nestjs/swagger finds. It is loaded here, not at the start, which it would slow down. */
  private async scan(): Promise<OpenAPIObject> {
    if (this.app === undefined) throw new Error('there is no application to describe');
    const { DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
    const { version, license } = readProject();
    const builder = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Signet')
      .setDescription(overview)
      .setVersion(version)
      .setLicense(license, 'https://www.apache.org/licenses/LICENSE-2.0')
      .addServer(this.server.issuer);
    return SwaggerModule.createDocument(this.app, builder.build(), {
      operationIdFactory: (controller, method) => `${controller}.${method}`,
      autoTagControllers: false,
    });
  }

  /** Every controller by its name. */
  private controllers(): ReadonlyMap<string, Controller> {
    const found = new Map<string, Controller>();
    for (const module of this.modules.values()) {
      for (const { metatype, name } of module.controllers.values()) found.set(name, metatype as Controller);
    }
    return found;
  }
}

/** The operations of the scanned document; a handler of several paths has an operation for each. */
function routesOf({ paths }: OpenAPIObject, controllers: ReadonlyMap<string, Controller>): Route[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, { readonly operationId: string }>).map(([method, { operationId }]) => {
      const [, controllerName = '', handler = '', alias = '0'] = /^(\w+)\.(\w+)(?:\[(\d+)\])?$/.exec(operationId) ?? [];
      const controller = controllers.get(controllerName);
      if (controller === undefined) throw new Error(`no controller for ${operationId}`);
      const declared = declarationsOf(controller, handler);
      const id = declared.documentation.id;
      return { ...declared, method: method.toUpperCase(), path, operationId: alias === '0' ? id : `${id}Alias` };
    }),
  );
}
