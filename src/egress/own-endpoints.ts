import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import type { DatabaseConfig, QueueConfig, ServerConfig } from '../config/index.js';
import { plainAddress } from './address-class.js';
import type { OwnEndpoint } from './target.js';

/**
 * Where this server, its issuer, its database and its Redis are. The embedded database is on a Unix socket, which no URL
 * leads to.
 */
export function ownEndpoints(server: ServerConfig, database: DatabaseConfig, queue: QueueConfig): OwnEndpoint[] {
  const issuer = new URL(server.issuer);
  const issuerPort = Number(issuer.port || (issuer.protocol === 'https:' ? 443 : 80));
  const endpoints: OwnEndpoint[] = [
    { host: plainHost(issuer.hostname), port: issuerPort, byAddress: false },
    { host: plainHost(server.host), port: server.port, byAddress: true },
  ];
  if (database.url !== undefined) {
    // What a URL leaves out, the drivers fill in, partly from the environment: so they are asked.
    const { host, port } = new Client({ connectionString: database.url.reveal() });
    endpoints.push({ host: plainHost(host), port, byAddress: true });
  }
  if (queue.redisUrl !== undefined) {
    const { host, port } = new Redis(queue.redisUrl.reveal(), { lazyConnect: true }).options;
    endpoints.push({ host: plainHost(host ?? 'localhost'), port: port ?? 6379, byAddress: true });
  }
  return endpoints.filter(({ host, port }) => !host.startsWith('/') && port !== 0);
}

/** As `URL` writes a host, but for the brackets. */
function plainHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? bare.toLowerCase() : (plainAddress(bare) ?? bare);
}
