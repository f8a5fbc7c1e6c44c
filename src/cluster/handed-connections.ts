import type { Worker } from 'node:cluster';

/** What Node.js gives a worker together with the message; a connection that the primary has accepted. */
interface Handle {
  close(): void;
}

/**
 * Ends what a worker takes to its grave: a connection that the primary has handed to it and that it has not taken. Node.js
 * waits for the word of the worker and keeps such a connection open, so that its peer would wait without end.
 */
export function endHandedConnections(worker: Worker): void {
  const handed = new Map<number, Handle>();
  const child = worker.process;
  child.send = new Proxy(child.send.bind(child), {
    apply: (send, _self, args: unknown[]) => {
      const [message, handle] = args;
      const seq = numberIn(message, 'seq');
      if (seq !== undefined && isHandle(handle)) handed.set(seq, handle);
      return Reflect.apply(send, undefined, args);
    },
  });
  child.on('internalMessage', (message: unknown) => {
    const ack = numberIn(message, 'ack');
    if (ack !== undefined) handed.delete(ack);
  });
  worker.once('exit', () => {
    for (const handle of handed.values()) handle.close();
  });
}

function numberIn(message: unknown, name: 'seq' | 'ack'): number | undefined {
  const value =
    typeof message === 'object' && message !== null ? (message as Record<string, unknown>)[name] : undefined;
  return typeof value === 'number' ? value : undefined;
}

function isHandle(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function';
}
