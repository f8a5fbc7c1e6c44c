/** A Redis that may throw jobs away: said once, in the log, and nowhere else. */
import { Logger } from '@nestjs/common';
import { createQueueBackend } from '../../src/queue/index.js';
import { redisIt, startRedis } from '../support/redis.js';

const given = redisIt();

given('the eviction policy of Redis is judged once, with what to do about it', async () => {
  const redis = await startRedis();
  const warnings: unknown[] = [];
  const spies = [
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void warnings.push(line)),
    jest.spyOn(console, 'warn').mockImplementation((line: unknown) => void warnings.push(line)),
    jest.spyOn(console, 'error').mockImplementation((line: unknown) => void warnings.push(line)),
  ];
  const work = async (): Promise<void> => {
    const backend = createQueueBackend({ redisUrl: redis.url, postgresUrl: 'unused', prefix: '{t}' });
    try {
      const queue = await backend.openQueue('one');
      await backend.openQueue('two');
      const done = new Promise<string>((resolve) => {
        void backend.openWorker('one', ({ ids }) => Promise.resolve(resolve(ids['row'] ?? '')));
      });
      await backend.openWorker('two', () => Promise.resolve());
      await queue.add('job', { row: '7' });
      expect(await done).toBe('7');
    } finally {
      await backend.close(1_000);
    }
  };
  try {
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await work();
    expect(warnings).toEqual([expect.stringMatching(/^maxmemory-policy is allkeys-lru: .* set it to noeviction/)]);
    warnings.length = 0;
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await work();
    expect(warnings).toEqual([]);
  } finally {
    for (const spy of spies) spy.mockRestore();
    await redis.stop();
  }
});
