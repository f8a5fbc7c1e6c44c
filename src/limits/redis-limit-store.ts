import { Redis } from 'ioredis';
import type { Grant, LimitStore, Shareable } from './limit-store.js';

/** Milliseconds for which a process that says nothing is counted. */
const presenceMs = 30_000;

/**
 * Adds up, as one step. KEYS: the processes, then one per item. ARGV: name of the process, how long it is remembered, then kind and
 * three numbers per item. A bucket is kept as `level time`, until it would be full anyway; a day for two days.
 */
const script = `
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  local answer = { tostring(redis.call('ZCARD', KEYS[1])) }
  for index = 2, #KEYS do
    local at = 3 + (index - 2) * 4
    local size, taken, own = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local stored = redis.call('GET', KEYS[index])
    local value
    if ARGV[at] == 'day' then
      value = math.max(tonumber(stored or '0'), own) + taken
      redis.call('SET', KEYS[index], string.format('%.0f', value), 'PX', 172800000)
    else
      value = own
      if stored then
        local level, since = string.match(stored, '(%S+) (%S+)')
        value = math.min(size, tonumber(level) + math.max(0, now - tonumber(since)) * size / 60000) - taken
      end
      value = math.max(-size, math.min(size, value))
      local full = math.ceil((size - value) * 60000 / size) + 1000
      redis.call('SET', KEYS[index], string.format('%.3f %.0f', value, now), 'PX', full)
    end
    answer[index] = tostring(value)
  end
  return answer`;

/**
 * Limits in Redis, over a connection of its own: that of the queues may be waiting for something long. A command that was under
 * way when the connection broke is not sent again.
 */
export class RedisLimitStore implements LimitStore {
  private readonly redis: Redis;

  /** @param prefix of every key; servers that share a Redis and nothing else need different ones */
  constructor(
    url: string,
    private readonly prefix: string,
  ) {
    this.redis = new Redis(url, {
      connectionName: 'signet-limits',
      connectTimeout: 2_000,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(2_000, 100 * times),
    });
    // Whether it answers is seen, and said, where it is asked.
    this.redis.on('error', () => undefined);
  }

  async exchange(
    name: string,
    items: readonly Shareable[],
  ): Promise<{ readonly processes: number; readonly values: readonly number[] }> {
    const keys = [this.processes, ...items.map(({ key }) => `${this.prefix}:limits:${key}`)];
    const values = items.flatMap((item) => argumentsOf(item.told()));
    const answer = await this.redis.eval(script, keys.length, ...keys, name, presenceMs, ...values);
    const [processes = 1, ...levels] = (Array.isArray(answer) ? answer : []).map(Number);
    return { processes, values: levels };
  }

  async ping(): Promise<void> {
    await this.redis.ping();
  }

  reconnect(): void {
    this.redis.disconnect(true);
  }

  async leave(name: string): Promise<void> {
    await this.redis.zrem(this.processes, name);
  }

  close(): void {
    this.redis.disconnect();
  }

  private get processes(): string {
    return `${this.prefix}:limits:processes`;
  }
}

function argumentsOf(grant: Grant): (string | number)[] {
  return grant.kind === 'day'
    ? ['day', 0, grant.taken, grant.known]
    : ['bucket', grant.perMinute, grant.taken, grant.level.toFixed(3)];
}
