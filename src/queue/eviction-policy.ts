import type { Redis } from 'ioredis';

const policyLine = /^(maxmemory_policy:)(\S+)/m;

/**
 * What is wrong with the policy by which this Redis makes room; `undefined`: nothing, or it may not be asked.
 *
 * @param client connected
 */
export async function evictionFault(client: Redis): Promise<string | undefined> {
  const answer = await client.info().catch(() => '');
  const policy = policyLine.exec(answer)?.[2];
  if (policy === undefined || policy === 'noeviction') return undefined;
  return `maxmemory-policy is ${policy}: Redis may throw jobs away; set it to noeviction (CONFIG SET maxmemory-policy noeviction)`;
}

/**
 * Keeps the policy from BullMQ, which would print a complaint of its own, past the log, for each connection that it uses or makes
 * from this one. It is told once, by whoever asks {@link evictionFault}.
 */
export function hideEvictionPolicy(client: Redis): Redis {
  const duplicate = client.duplicate.bind(client);
  const info = client.info.bind(client) as (...words: readonly unknown[]) => Promise<string>;
  const hidden = {
    // With a callback ioredis itself asks, whether the server is ready.
    info: (...words: readonly unknown[]) => {
      const answer = info(...words);
      return typeof words.at(-1) === 'function'
        ? answer
        : answer.then((text) => text.replace(policyLine, '$1noeviction'));
    },
    duplicate: (options?: Parameters<Redis['duplicate']>[0]) => hideEvictionPolicy(duplicate(options)),
  };
  return Object.assign(client, hidden as Pick<Redis, 'info' | 'duplicate'>);
}
