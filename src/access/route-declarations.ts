import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { accessRule } from './access-rule.js';

type Handler = (...args: never[]) => unknown;

/** Stops the start when a route declares neither a scope nor that it is public: forgetting is not a way in. */
@Injectable()
export class RouteDeclarations implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    const undeclared = this.discovery.getControllers().flatMap(({ metatype, name }) => {
      const controller = metatype as Handler;
      const prototype = controller.prototype as Record<string, Handler>;
      return this.scanner
        .getAllMethodNames(prototype)
        .filter((method) => isUndeclaredRoute(prototype[method], controller))
        .map((method) => `${name}.${method}`);
    });
    if (undeclared.length > 0) {
      throw new Error(`routes without @RequireScope or @Public: ${undeclared.join(', ')}`);
    }
  }
}

function isUndeclaredRoute(handler: Handler | undefined, controller: Handler): boolean {
  if (handler === undefined || Reflect.getMetadata(METHOD_METADATA, handler) === undefined) return false;
  return accessRule(handler, controller) === undefined;
}
