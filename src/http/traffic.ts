import type { Counter, Family, Histogram, Measurements } from '../measurements/index.js';

/** What stands for whatever a stranger made up. */
const unknown = 'unknown';

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Seconds; fine where tokens are answered, coarse where somebody waits for a database that is away. */
const bounds = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5, 5, 10];

/** The answers of one route. */
export class RouteTraffic {
  private readonly byStatus: (Counter | undefined)[] = [];

  constructor(
    private readonly durations: Histogram,
    private readonly requests: (status: string) => Counter,
  ) {}

  /** Counts an answer. */
  answered(status: number, durationMs: number): void {
    const requests = (this.byStatus[status] ??= this.requests(String(status)));
    requests.add();
    this.durations.observe(durationMs / 1_000);
  }
}

/**
 * Counts what is answered, by the route's pattern: the framework's requests, and those that are answered before it. What asks
 * for no route of ours is counted together.
 */
export class Traffic {
  private readonly requests: Family<Counter>;
  private readonly durations: Family<Histogram>;
  private readonly routes = new Map<string, Map<string, RouteTraffic>>();

  constructor(measurements: Measurements) {
    this.requests = measurements.counters({
      name: 'signet_http_requests_total',
      help: 'Answered HTTP requests.',
      labels: ['method', 'route', 'status'],
    });
    this.durations = measurements.histograms({
      name: 'signet_http_request_duration_seconds',
      help: 'Time from the header of a request to the end of its answer.',
      labels: ['method', 'route'],
      bounds,
    });
  }

  /** @param pattern of the route; `undefined`: there is none */
  route(method: string, pattern: string | undefined): RouteTraffic {
    const own = methods.has(method) ? method : 'other';
    const route = pattern ?? unknown;
    let ofRoute = this.routes.get(route);
    if (ofRoute === undefined) this.routes.set(route, (ofRoute = new Map<string, RouteTraffic>()));
    let traffic = ofRoute.get(own);
    if (traffic === undefined) {
      traffic = new RouteTraffic(this.durations.of(own, route), (status) => this.requests.of(own, route, status));
      ofRoute.set(own, traffic);
    }
    return traffic;
  }

  /** Counts an answer to something that is no HTTP request, or none that the framework would take. */
  refused(status: number): void {
    this.requests.of(unknown, unknown, String(status)).add();
  }
}
