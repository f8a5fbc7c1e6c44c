import { connect as connectTcp, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { buildConnector } from 'undici';
import { plainAddress } from './address-class.js';
import { EgressError, tlsErrorOf } from './egress-error.js';
import type { CheckedTarget } from './target-guard.js';

/** What a connector is made with. */
export interface ConnectorOptions {
  /** Certificate authorities in the place of those that Node.js trusts. */
  readonly ca?: readonly string[];
  /** Opens a TCP connection. */
  readonly dial?: (options: TcpNetConnectOpts) => Socket;
}

/** For TCP and TLS together. */
const connectTimeoutMs = 5_000;

/** How long an address is tried before the next one is, too (RFC 8305 §5). */
const attemptTimeoutMs = 500;

/**
 * Connects to a target, and only to the addresses of it that were checked: the name is not looked up again, and the address
 * that the socket says it is connected to is compared before a byte is sent. TLS is negotiated with, and verified against, the
 * name of the URL. A connector of undici, because its own never looks at a host that is an address.
 */
export function guardedConnector(
  { hostname, port, addresses, listed, url }: CheckedTarget,
  { ca, dial = connectTcp }: ConnectorOptions = {},
): buildConnector.connector {
  return (_, callback) => {
    let settled = false;
    const settle: buildConnector.Callback = (...outcome) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (outcome[0] !== null) tcp.destroy();
      callback(...outcome);
    };
    const timer = setTimeout(() => settle(new EgressError('timeout'), null), connectTimeoutMs).unref();
    const tcp = dial({
      host: hostname,
      port,
      lookup: lookupOf(addresses),
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptTimeoutMs,
    });
    tcp.on('error', (error) => settle(error, null));
    tcp.once('connect', () => {
      const peer = plainAddress(tcp.remoteAddress ?? '');
      if (peer === undefined || !addresses.includes(peer)) settle(new EgressError('target_not_allowed'), null);
      else if (url.protocol === 'http:') settle(null, tcp);
      else secure(tcp, { hostname, listed, ca }, settle);
    });
  };
}

function secure(
  tcp: Socket,
  { hostname, listed, ca }: { hostname: string; listed: boolean; ca: readonly string[] | undefined },
  settle: buildConnector.Callback,
): void {
  const tls = connectTls({
    socket: tcp,
    host: hostname,
    // RFC 6066 §3: an address is no server name.
    servername: isIP(hostname) === 0 ? hostname : '',
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // Said here, so that no variable of the environment says otherwise.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });
  tls.once('secureConnect', () => settle(null, tls));
  tls.on('error', (error) => settle(tlsErrorOf(error, Boolean(tls.authorizationError), listed), null));
}

/** Answers with the addresses that were checked, whatever is asked. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = entries;
    if (first === undefined) callback(new EgressError('target_not_allowed'), '', 0);
    else if (options.all === true) callback(null, entries);
    else callback(null, first.address, first.family);
  };
}
