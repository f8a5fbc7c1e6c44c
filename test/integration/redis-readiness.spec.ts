/** A Redis that answers and takes nothing is not ready (security.md L-03). */
import { createQueueBackend, QueueUnavailable } from '../../src/queue/index.js';
import { redisIt, startRedis } from '../support/redis.js';

const given = redisIt();

given('L-03: the queue is up only where its Redis takes writes', async () => {
  const redis = await startRedis();
  const backend = createQueueBackend({ redisUrl: redis.url, postgresUrl: 'unused', prefix: '{t}' });
  try {
    await expect(backend.ping()).resolves.toBeUndefined();
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    await expect(backend.ping()).rejects.toThrow(QueueUnavailable);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await expect(backend.ping()).resolves.toBeUndefined();
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(backend.ping()).rejects.toThrow(QueueUnavailable);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await expect(backend.ping()).resolves.toBeUndefined();
  } finally {
    await backend.close(1_000);
    await redis.stop();
  }
});
