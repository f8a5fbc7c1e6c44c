export { PrimaryLink } from './primary-link.js';
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.js';
export { WorkersEnded } from './workers-ended.js';
