import { Secret } from '../config/index.js';
import { ownEndpoints } from './own-endpoints.js';

const server = {
  host: '127.0.0.1',
  port: 3000,
  issuer: 'https://auth.example.com',
  trustProxy: [],
  logLevel: 'info',
} as const;

/** `host:port` of the database and of Redis, after those of the server and the issuer. */
function found(databaseUrl?: string, redisUrl?: string): string[] {
  const endpoints = ownEndpoints(
    server,
    { url: databaseUrl === undefined ? undefined : new Secret(databaseUrl), dataDir: '/data' },
    { redisUrl: redisUrl === undefined ? undefined : new Secret(redisUrl) },
  );
  return endpoints.slice(2).map(({ host, port }) => `${host} ${port}`);
}

describe('our own endpoints', () => {
  it.each([
    ['http://localhost:3000', 'localhost', 3000],
    ['https://auth.example.com', 'auth.example.com', 443],
    ['https://auth.example.com:8443/tenant', 'auth.example.com', 8443],
    ['http://[::1]:3000', '::1', 3000],
  ])('hold the issuer %s by name', (issuer, host, port) => {
    const [first] = ownEndpoints({ ...server, issuer }, { url: undefined, dataDir: '/' }, { redisUrl: undefined });
    expect(first).toEqual({ host, port, byAddress: false });
  });

  it('hold where the server listens', () => {
    const [, second] = ownEndpoints(server, { url: undefined, dataDir: '/data' }, { redisUrl: undefined });
    expect(second).toEqual({ host: '127.0.0.1', port: 3000, byAddress: true });
  });

  it.each([
    ['postgresql://u:p@db.example.com/signet', 'db.example.com 5432'],
    ['postgres://u:p@DB.example.com:6543/signet?sslmode=verify-full', 'db.example.com 6543'],
    ['postgresql://u:p@[fd12::5]:5432/signet', 'fd12::5 5432'],
    ['postgresql://u:p@[0:0:0:0:0:0:0:1]/signet', '::1 5432'],
    ['postgresql:///signet?host=db.internal&port=7000', 'db.internal 7000'],
    ['postgresql:///signet', 'localhost 5432'],
  ])('hold the database of %s', (url, expected) => {
    expect(found(url)).toEqual([expected]);
  });

  it('hold nothing for a database on a Unix socket', () => {
    expect(found()).toEqual([]);
    expect(found('postgresql:///signet?host=/run/postgresql')).toEqual([]);
    expect(found('postgresql://%2Frun%2Fpostgresql/signet')).toEqual([]);
  });

  it.each([
    ['redis://cache.example.com', 'cache.example.com 6379'],
    ['rediss://:secret@10.0.0.9:6380/2', '10.0.0.9 6380'],
    ['redis://[fd12::6]:6379', 'fd12::6 6379'],
    ['redis://', 'localhost 6379'],
  ])('hold the Redis of %s', (url, expected) => {
    expect(found(undefined, url)).toEqual([expected]);
  });
});
