import { Redis } from 'ioredis';
import { fail, type Finding, ok } from './finding.js';

const waitMs = 3_000;
const oldest = [6, 2] as const;

/**
 * Whether Redis can hold the queues.
 *
 * @param url may hold a password
 */
export async function redisFinding(url: string): Promise<Finding> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: waitMs,
    commandTimeout: waitMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return judgeRedis(await client.info());
  } catch {
    return fail(
      'redis',
      'cannot be reached, or refuses us',
      'Check REDIS_URL, and that Redis runs and lets this machine in.',
    );
  } finally {
    client.disconnect();
  }
}

/** @param answer of INFO */
export function judgeRedis(answer: string): Finding {
  const version = /^redis_version:(\S+)/m.exec(answer)?.[1] ?? 'of unknown version';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    return fail('redis', `Redis ${version} is too old`, 'Move to Redis 6.2 or later.');
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(answer)?.[1];
  return policy === 'noeviction'
    ? ok('redis', `Redis ${version} answers, and evicts nothing`)
    : fail(
        'redis',
        `maxmemory-policy is ${policy ?? 'unknown'}: jobs may vanish`,
        'Set maxmemory-policy to noeviction.',
      );
}
