import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { accessRule } from '../access/index.js';
import { bodyDeclaration, type BodyDeclaration } from '../http/index.js';
import { documentationOf } from './documentation.js';
import type { Route } from './operation.js';

type Handler = (...args: never[]) => unknown;
/** A class of Nest that declares routes. */
export type Controller = abstract new (...args: never[]) => object;

/**
 * What the code says of a handler.
 *
 * @throws Error if it is not documented, or declares nobody who may call it
 */
export function declarationsOf(controller: Controller, name: string): Pick<Route, 'rule' | 'documentation' | 'body'> {
  const handler = (controller.prototype as Record<string, Handler>)[name];
  const rule = handler === undefined ? undefined : accessRule(handler, controller);
  const documentation = handler === undefined ? undefined : documentationOf(handler);
  if (rule === undefined || documentation === undefined)
    throw new Error(`${controller.name}.${name} is not documented`);
  return { rule, documentation, body: bodyOfHandler(controller, name) };
}

/** The JSON body that the handler takes: the one of the pipe of its `@Body()`. */
function bodyOfHandler(controller: Controller, name: string): BodyDeclaration | undefined {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<
    string,
    { readonly pipes?: readonly object[] }
  >;
  const pipes = Object.entries(parameters).flatMap(([key, { pipes: own = [] }]) =>
    key.startsWith(`${RouteParamtypes.BODY}:`) ? own : [],
  );
  return pipes.map(bodyDeclaration).find((declaration) => declaration !== undefined);
}
