import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections, any of which might take it in the meantime. */
const range = { from: 15_000, to: 32_000 } as const;

/** A port of the loopback interface where nobody listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(range.from, range.to);
    const probe = createServer().listen(port, '127.0.0.1');
    const [outcome] = (await Promise.race([
      once(probe, 'listening').then(() => ['free']),
      once(probe, 'error').then(() => ['taken']),
    ]).catch(() => ['taken'])) as [string];
    if (outcome === 'free') {
      probe.close();
      await once(probe, 'close');
      return port;
    }
  }
}
