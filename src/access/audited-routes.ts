import { Inject, Injectable, type OnModuleInit, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { AuditAction } from '../audit/index.js';
import { auditedMetadata } from './decorators.js';

type Handler = (...args: never[]) => unknown;

/** Under which action a refusal of each route is recorded: for what HTTP refuses before the guard has seen the handler. */
@Injectable()
export class AuditedRoutes implements OnModuleInit {
  private readonly actions = new Map<string, AuditAction>();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    for (const { metatype } of this.discovery.getControllers()) {
      const controller = metatype as Handler;
      const prototype = controller.prototype as Record<string, Handler>;
      for (const name of this.scanner.getAllMethodNames(prototype)) this.add(controller, prototype[name] as Handler);
    }
  }

  /**
   * @param method as HTTP names it
   * @param path the route's pattern, such as `/admin/oauth/clients/:client_id`
   * @returns undefined for a route whose refusals are not recorded as those of a change
   */
  actionOf(method: string, path: string): AuditAction | undefined {
    return this.actions.get(`${method} ${path}`);
  }

  private add(controller: Handler, handler: Handler): void {
    const action: unknown = Reflect.getMetadata(auditedMetadata, handler);
    const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
    if (typeof action !== 'string' || typeof method !== 'number') return;
    for (const base of pathsOf(controller)) {
      for (const path of pathsOf(handler)) {
        const pattern = [base, path].flatMap((part) => part.split('/')).filter((segment) => segment !== '');
        this.actions.set(`${RequestMethod[method]} /${pattern.join('/')}`, action as AuditAction);
      }
    }
  }
}

function pathsOf(declaring: Handler): string[] {
  const paths: unknown = Reflect.getMetadata(PATH_METADATA, declaring);
  return [paths ?? ''].flat().map(String);
}
