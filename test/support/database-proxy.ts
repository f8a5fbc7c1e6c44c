import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './server.js';

/** A network in front of a database that a test can cut. */
export interface DatabaseProxy {
  /** The URL of the database through the proxy. */
  readonly url: string;
  /** Ends every connection; new ones are refused. */
  sever(): Promise<void>;
  /** Connections stay open, and nothing gets through any more. */
  stall(): void;
  /** The next connection is lost in the very packet that says that it is ready, as when PostgreSQL is shot just then. */
  loseNext(): void;
  /** Undoes `sever` and `stall`; connections that were stalled end, and what was held back in them is lost. */
  restore(): Promise<void>;
}

/** PostgreSQL's `ReadyForQuery`, idle. */
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Its `ErrorResponse` of a server that shuts down. */
const shutDown = errorResponse({ S: 'FATAL', V: 'FATAL', C: '57P01', M: 'terminating connection' });

function errorResponse(fields: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(fields).map(([type, text]) => `${type}${text}\0`);
  const body = Buffer.from(`${texts.join('')}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Opens a TCP port that leads to the database at `url`, on a Unix socket or another port. */
export async function openDatabaseProxy(url: string): Promise<DatabaseProxy> {
  const { upstream, proxied } = routeOf(url, await freePort());
  const sockets = new Set<Socket>();
  let stalled = false;
  let losing = false;
  const port = Number(new URL(proxied).port);
  let server: Server | undefined;

  const endAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const accept = (near: Socket) => {
    const far = connect(upstream);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (stalled) return;
        const lost = losing && from === far && bytes.subarray(-readyForQuery.length).equals(readyForQuery);
        if (lost) losing = false;
        if (lost) to.end(Buffer.concat([bytes, shutDown]));
        else to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!stalled) to.destroy();
      });
    }
  };
  const open = async () => {
    server = createServer(accept).listen(port, '127.0.0.1');
    await new Promise((resolve) => server?.once('listening', resolve));
  };
  const sever = async () => {
    const closed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    endAll();
    await closed;
    server = undefined;
  };
  await open();
  return {
    url: proxied,
    sever,
    stall: () => {
      stalled = true;
    },
    loseNext: () => {
      losing = true;
    },
    restore: async () => {
      stalled = false;
      endAll();
      if (server === undefined) await open();
    },
  };
}

function routeOf(url: string, port: number) {
  const [, user = '', authority = '', path = '', query = ''] =
    /^[a-z]+:\/\/(?:([^@/]*)@)?([^/?]*)([^?]*)\??(.*)$/.exec(url) ?? [];
  const directory = new URLSearchParams(query).get('host');
  const [host = '', remotePort = ''] = authority.split(':');
  const upstream =
    directory === null
      ? { host, port: Number(remotePort === '' ? '5432' : remotePort) }
      : { path: `${directory}/.s.PGSQL.5432` };
  return { upstream, proxied: `postgresql://${user}${user === '' ? '' : '@'}127.0.0.1:${port}${path}` };
}
