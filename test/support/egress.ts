import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { Connections } from '../../src/egress/connections.js';
import { Egress } from '../../src/egress/egress.service.js';
import type { ConnectorOptions } from '../../src/egress/guarded-connector.js';
import { Resolver } from '../../src/egress/resolver.js';
import { TargetGuard } from '../../src/egress/target-guard.js';
import { type OwnEndpoint, targetPolicy } from '../../src/egress/target.js';

/** A listener that counts. */
export interface Sink {
  readonly port: number;
  /** Connections it has seen. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes that it has received over TCP. */
  readonly received: number;
  close(): Promise<void>;
}

/** Makes any server a sink, on `port` or a free one. */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<Sink> {
  const sockets = new Set<Socket>();
  const seen = { connections: 0, received: 0 };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    seen.connections += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      seen.received += socket.bytesRead;
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return seen.connections;
    },
    get open() {
      return sockets.size;
    },
    get received() {
      return [...sockets].reduce((sum, socket) => sum + socket.bytesRead, seen.received);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A sink that speaks HTTP. */
export function httpSink(answer: RequestListener, host?: string, port?: number): Promise<Sink> {
  return listen(createHttpServer(answer), host, port);
}

/** A sink that does with each connection what it likes. */
export function tcpSink(serve: (socket: Socket) => void, host?: string, port?: number): Promise<Sink> {
  return listen(createTcpServer(serve), host, port);
}

/** A listener that nobody may reach. */
export function canarySink(host?: string, port?: number): Promise<Sink> {
  return httpSink((_, response) => response.end('reached'), host, port);
}

/** What a test may choose. */
export interface EgressOptions {
  readonly networks?: readonly string[];
  readonly own?: readonly OwnEndpoint[];
  /** What the DNS says, or is made to say at each look-up; a name that is missing does not exist. */
  readonly hosts?: Readonly<Record<string, readonly string[] | (() => readonly string[] | Promise<readonly string[]>)>>;
  readonly connector?: ConnectorOptions;
}

/** The egress as the module puts it together, with a DNS of the test. */
export function openEgress({ networks = [], own = [], hosts = {}, connector = {} }: EgressOptions): Egress {
  const policy = targetPolicy(networks, own);
  return new Egress(policy, new TargetGuard(policy, new StubResolver(hosts)), new Connections(connector));
}

class StubResolver extends Resolver {
  constructor(private readonly hosts: NonNullable<EgressOptions['hosts']>) {
    super();
  }

  async resolve(hostname: string): Promise<readonly string[]> {
    const entry = Object.hasOwn(this.hosts, hostname) ? this.hosts[hostname] : undefined;
    if (entry === undefined) throw new Error(`getaddrinfo ENOTFOUND ${hostname}`);
    return typeof entry === 'function' ? entry() : entry;
  }
}
