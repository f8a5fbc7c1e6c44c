// Loads a server from another process, and says what that cost the server.
import { join } from 'node:path';
import { machineCpuMs } from './proc.mjs';
import { ask, startHelper } from './processes.mjs';

/** The bytes of a request. Every server gets the same headers. */
export function httpRequest({ method, path, headers = {}, body = '' }) {
  const lines = Object.entries({
    Host: '127.0.0.1',
    'User-Agent': 'signet-bench/1',
    Accept: '*/*',
    ...headers,
    ...(method === 'POST' ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** A token request (RFC 6749 §4.4.2) with HTTP Basic authentication. */
export function tokenRequest({ scope, ...request }) {
  return formRequest({ ...request, form: { grant_type: 'client_credentials', scope } });
}

/** An introspection request (RFC 7662 §2.1) with HTTP Basic authentication. */
export function introspectionRequest({ token, ...request }) {
  return formRequest({ ...request, form: { token } });
}

function formRequest({ clientId, clientSecret, path, form }) {
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  return httpRequest({
    method: 'POST',
    path,
    headers: {
      Authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  });
}

/** The load generator. */
export class Load {
  #child;

  static async start() {
    const load = new Load();
    ({ child: load.#child } = await startHelper(join(import.meta.dirname, 'load-process.mjs')));
    return load;
  }

  /**
   * One window: the connections are opened before it begins and closed after it ends.
   *
   * @param {{ port: number, cpuMs: () => Record<string, number> }} server `cpuMs`: CPU time used so far, by part
   * @param {{ requests: string[], expected: number }} traffic what to send, dealt out over the connections, and the only
   *   status that may come back
   * @returns {Promise<object>} counts, rates, latencies, the last body of each connection, CPU per request by part, in ms, and
   *   how many cores everything else on the machine kept busy
   */
  async window(server, traffic, { connections, ms }) {
    await ask(this.#child, { open: { port: server.port, requests: traffic.requests, connections } });
    const before = server.cpuMs();
    const machineBefore = machineCpuMs();
    const result = await ask(this.#child, { runForMs: ms });
    const machineMs = machineCpuMs() - machineBefore;
    const after = server.cpuMs();
    await ask(this.#child, { close: true });
    const wrong = Object.keys(result.statuses).filter((status) => Number(status) !== traffic.expected);
    if (wrong.length > 0)
      throw new Error(`answers that are not ${traffic.expected}: ${JSON.stringify(result.statuses)}`);
    const cpu = Object.fromEntries(
      Object.keys(before).map((part) => [part, (after[part] - before[part]) / result.requests]),
    );
    const cpuMs = Object.values(cpu).reduce((sum, part) => sum + part, 0);
    return {
      ...result,
      perSecond: (result.requests * 1000) / result.elapsedMs,
      cpuByPart: cpu,
      cpuMs,
      foreignCores: Math.max(0, (machineMs - cpuMs * result.requests) / result.elapsedMs - result.generatorCores),
    };
  }
}
