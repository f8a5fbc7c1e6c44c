import { loopbackMetadata, publicMetadata, scopeMetadata } from './decorators.js';

/** Who may call a handler. */
export type AccessRule =
  | { readonly kind: 'public' }
  | {
      readonly kind: 'scope';
      readonly scope: string;
      /** Whoever asks on this machine needs no token. */
      readonly openToLoopback?: true;
    };

type Declaring = object;

/**
 * What a handler, or else its class, declares with `@Public()` or `@RequireScope()`; `undefined` when neither does. What the
 * handler says wins over what the class says, and a scope over being public.
 */
export function accessRule(handler: Declaring, controller: Declaring): AccessRule | undefined {
  for (const declaring of [handler, controller]) {
    const scope: unknown = Reflect.getMetadata(scopeMetadata, declaring);
    if (typeof scope === 'string') {
      const open = Reflect.getMetadata(loopbackMetadata, declaring) === true;
      return open ? { kind: 'scope', scope, openToLoopback: true } : { kind: 'scope', scope };
    }
    if (Reflect.getMetadata(publicMetadata, declaring) === true) return { kind: 'public' };
  }
  return undefined;
}
