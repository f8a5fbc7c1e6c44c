import type { IncomingMessage } from 'node:http';
import { cidrContains, parseCidr } from '../protocol/index.js';

const loopback = ['127.0.0.0/8', '::1/128'].map((network) => parseCidr(network)).filter((network) => network !== null);

/** Fields by which proxies tell that they ask for somebody else, beside all that begin with `x-forwarded`. */
const forwarding = new Set([
  'cf-connecting-ip',
  'client-cert',
  'fastly-client-ip',
  'forwarded',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-real-ip',
]);

/**
 * Whether a request was made on this machine, by who it is connected to and not by what it says: the peer itself has a loopback
 * address. What came through a proxy on this machine did not begin here, whatever address the proxy tells: any field that a
 * proxy adds, from a proxy that is believed or not, says so. And the name that was asked for must be one of the loopback: a
 * proxy that adds nothing usually passes on the name of the server, and a page in a browser of this machine asks by its own
 * (DNS rebinding).
 */
export function asksOnThisMachine({ socket, headers }: Pick<IncomingMessage, 'headers'> & Peer): boolean {
  return (
    cidrContains(loopback, socket.remoteAddress ?? '') &&
    Object.keys(headers).every((field) => !forwarding.has(field) && !field.startsWith('x-forwarded')) &&
    namesLoopback(headers.host ?? '')
  );
}

interface Peer {
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** @param host value of the Host field: a name or an address, and perhaps a port (RFC 9110 §7.2) */
function namesLoopback(host: string): boolean {
  const name = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::[0-9]{1,5})?$/.exec(host);
  const plain = name?.[1] ?? name?.[2] ?? '';
  return plain.toLowerCase() === 'localhost' || cidrContains(loopback, plain);
}
