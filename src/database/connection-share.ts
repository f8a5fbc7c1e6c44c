/** What PostgreSQL takes unless it is told otherwise. */
const usualConnections = 100;

/** Left to whoever looks at the database, and to commands beside the server. */
const spareConnections = 5;

/** Of every process: one that listens, those of the queue's producers, and two for each of the three workers of deliveries. */
const fixedConnections = 1 + 3 + 3 * 2;

/** Of the worker of the scheduled jobs; at a hand-over there are two. */
const jobConnections = 2 * 4;

/** Least that a process can work with, for `hot` and `typeOrm`. */
const least = { hot: 2, typeOrm: 3 } as const;

/** What one process takes alone; more is of no use. */
const most = { hot: 4, typeOrm: 10 } as const;

/** Most connections that one server process opens, by what they are for. */
export interface ConnectionShare {
  /** The hot paths: one that commits tokens, and some that read. */
  readonly hot: number;
  /** Everything else. */
  readonly typeOrm: number;
}

/**
 * Divides the connections of a PostgreSQL with the usual 100 among the processes of one start; one process more than asked for
 * lives while they are replaced. From 5 processes on the least that each one needs is more than that: see
 * {@link serverConnections}.
 */
export function connectionShare(processes: number): ConnectionShare {
  const each = Math.floor((usualConnections - spareConnections - jobConnections) / (processes + 1)) - fixedConnections;
  const hot = between(least.hot, Math.floor(each / 2), most.hot);
  return { hot, typeOrm: between(least.typeOrm, each - hot, most.typeOrm) };
}

/** How many connections PostgreSQL must take (`max_connections`) for that many processes of one start. */
export function serverConnections(processes: number): number {
  const { hot, typeOrm } = connectionShare(processes);
  const used = (processes + 1) * (hot + typeOrm + fixedConnections) + jobConnections + spareConnections;
  return Math.max(usualConnections, used);
}

function between(low: number, wanted: number, high: number): number {
  return Math.min(high, Math.max(low, wanted));
}
