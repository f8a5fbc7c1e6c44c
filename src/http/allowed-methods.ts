/** Remembers which methods each route takes, so that a 405 can name them (RFC 9110 §15.5.6). */
export class AllowedMethods {
  private readonly routes = new Map<string, { readonly segments: readonly string[]; readonly methods: Set<string> }>();

  /** Notes a route as Fastify registers it: pattern with `:name` segments, one method or several. */
  add(pattern: string, methods: string | readonly string[]): void {
    const route = this.routes.get(pattern) ?? { segments: pattern.split('/'), methods: new Set<string>() };
    for (const method of typeof methods === 'string' ? [methods] : methods) route.methods.add(method);
    this.routes.set(pattern, route);
  }

  /** Every route: its pattern and the methods that it takes. */
  all(): { readonly pattern: string; readonly methods: readonly string[] }[] {
    return [...this.routes].map(([pattern, { methods }]) => ({ pattern, methods: [...methods] }));
  }

  /**
   * What a request that no route takes is told: for a known path, or with a method that is taken nowhere, the methods that the
   * path does take (405, RFC 9110 §15.5.6; security.md H-03); `undefined`: the path is unknown (404).
   *
   * @param path without a query string
   */
  insteadOf(method: string, path: string): string[] | undefined {
    const allow = this.of(path);
    return allow.length > 0 || !this.anywhere(method) ? allow : undefined;
  }

  /** The methods that some route takes at `path` (without a query string), sorted; none for an unknown path. */
  of(path: string): string[] {
    const segments = path.split('/');
    const methods = new Set<string>();
    for (const route of this.routes.values()) {
      if (matches(route.segments, segments)) for (const method of route.methods) methods.add(method);
    }
    return [...methods].toSorted();
  }

  private anywhere(method: string): boolean {
    return [...this.routes.values()].some(({ methods }) => methods.has(method));
  }
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, index) => (segment.startsWith(':') ? path[index] !== '' : segment === path[index]))
  );
}
