import { isIP } from 'node:net';
import { type Cidr, cidrContains, parseCidr } from '../protocol/index.js';
import { classifyAddress, plainAddress } from './address-class.js';

/** A host and a port that belong to this server, or to what it works with. */
export interface OwnEndpoint {
  /** Host name, or address without brackets; `0.0.0.0` and `::` stand for this machine. */
  readonly host: string;
  readonly port: number;
  /**
   * Whether whatever resolves to the same address is meant too. Not for the issuer: behind one load balancer there may be
   * others, under other names.
   */
  readonly byAddress: boolean;
}

/** What outgoing requests may reach. */
export abstract class TargetPolicy {
  /** The networks that the operator listed in `EVENT_TARGET_NETWORKS`. */
  readonly networks: readonly Cidr[];
  /** Never reached, whatever is listed. */
  readonly own: readonly OwnEndpoint[];
}

/**
 * The policy for networks as the configuration holds them.
 *
 * @throws Error for what is no CIDR; the configuration was checked before
 */
export function targetPolicy(networks: readonly string[], own: readonly OwnEndpoint[]): TargetPolicy {
  const cidrs = networks.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new Error('a target network is no CIDR');
    return cidr;
  });
  return { networks: cidrs, own };
}

/** A URL that may be requested, as far as its text tells. */
export interface Target {
  readonly url: URL;
  /** Host name, or address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Without TLS, or on a port of its own: only into listed networks. */
  readonly listedOnly: boolean;
}

const maxLength = 2048;

/** Ports that every target may have. */
const usualPorts = new Set([443, 8443]);

/** Of shells and mail, which take a request for commands (Fetch Standard, "bad port"): no list opens them. */
const neverPorts = new Set([0, 20, 21, 22, 23, 25, 110, 119, 143, 465, 587, 993, 995]);

/** Names that lead into the machine or the local network, wherever they are looked up (RFC 6761 §6.3, RFC 6762, RFC 8375). */
const privateSuffix = /(^|\.)(localhost|local|internal|home\.arpa)$/;

/** Names of the metadata services of clouds, which are always link-local. */
const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
]);

const faults = {
  text: `must be an absolute URL of at most ${maxLength} printable ASCII characters without blanks`,
  scheme: 'must use https, or http into a network of EVENT_TARGET_NETWORKS',
  user: 'must not hold a user or a password',
  fragment: 'must not have a fragment',
  host: 'must not name a host that ends with a dot',
  port: 'must use port 443 or 8443, or a port of HTTP in a network of EVENT_TARGET_NETWORKS',
  own: 'must not lead to this server, its database or its Redis',
  address: 'must not lead to an address that is private or reserved and not in EVENT_TARGET_NETWORKS',
  name: 'must name a host that is found, with all its addresses in EVENT_TARGET_NETWORKS',
} as const;

/**
 * Says in a short sentence what is wrong with a URL that is to be stored as a target, as far as its text tells: a name is not
 * looked up. `undefined`: nothing.
 */
export function checkTarget(text: string, policy: TargetPolicy): string | undefined {
  const target = readTarget(text, policy);
  if (typeof target === 'string') return target;
  // Of this machine no other names are known than those of RFC 6761.
  return isLoopbackOnly(policy) ? unlistedFault(target) : undefined;
}

/**
 * What is wrong with a URL unless all addresses of its name lie in listed networks. `undefined`: nothing; or its text tells enough.
 */
export function unlessListed(text: string, policy: TargetPolicy): string | undefined {
  if (checkTarget(text, policy) !== undefined) return undefined;
  const target = readTarget(text, policy);
  const fault = typeof target === 'string' ? undefined : unlistedFault(target);
  return fault === undefined ? undefined : faults.name;
}

/** The target that a URL names, in the canonical form of the URL Standard; or the fault as a sentence. */
export function readTarget(text: string, policy: TargetPolicy): Target | string {
  if (text.length > maxLength || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return faults.text;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return faults.scheme;
  // Where others find the host elsewhere than the URL Standard does, it is not told what was meant.
  const authority = /^https?:\/\/([^/?#\\]+)(?=[/?#]|$)/i.exec(text)?.[1];
  if (authority === undefined || text.includes('\\')) return faults.text;
  if (authority.includes('@')) return faults.user;
  if (text.includes('#')) return faults.fragment;
  if (url.hostname.endsWith('.')) return faults.host;
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const hostname = plainAddress(bare) ?? bare;
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (neverPorts.has(port)) return faults.port;
  const listedOnly = url.protocol === 'http:' || !usualPorts.has(port);
  const target: Target = { url, hostname, port, listedOnly };
  return hostFault(target, policy) ?? target;
}

/** Whether `address` may be dialled for `target`; the port and the address being our own is another question. */
export function mayReach(address: string, target: Pick<Target, 'listedOnly'>, { networks }: TargetPolicy): boolean {
  const addressClass = classifyAddress(address);
  const plain = plainAddress(address);
  if (addressClass === 'never' || plain === undefined) return false;
  return cidrContains(networks, plain) || (addressClass === 'public' && !target.listedOnly);
}

function hostFault(target: Target, policy: TargetPolicy): string | undefined {
  const { hostname, port, url } = target;
  if (policy.own.some((own) => own.port === port && isSameHost(own.host, hostname))) return faults.own;
  if (isIP(hostname) !== 0) {
    if (mayReach(hostname, target, policy)) return undefined;
    const otherwise = mayReach(hostname, { listedOnly: false }, policy);
    return otherwise ? unusual(url) : faults.address;
  }
  if (metadataNames.has(hostname)) return faults.address;
  if (isLocalhost(hostname)) {
    const reachable = ['127.0.0.1', '::1'].some((address) => cidrContains(policy.networks, address));
    return reachable ? undefined : faults.address;
  }
  return policy.networks.length > 0 ? undefined : unlistedFault(target);
}

/** What is wrong with a target whose host is a name, outside listed networks. */
function unlistedFault({ hostname, listedOnly, url }: Target): string | undefined {
  if (isIP(hostname) !== 0 || isLocalhost(hostname)) return undefined;
  if (!hostname.includes('.') || privateSuffix.test(hostname)) return faults.address;
  return listedOnly ? unusual(url) : undefined;
}

function isLoopbackOnly({ networks }: TargetPolicy): boolean {
  return networks.every(({ address }) => classifyAddress(address.toString()) === 'loopback');
}

function unusual(url: URL): string {
  return url.protocol === 'http:' ? faults.scheme : faults.port;
}

function isSameHost(own: string, hostname: string): boolean {
  if (own === hostname) return true;
  return isLocal(own) && isLocal(hostname);
}

/** Whether a host is this machine by its text alone. */
function isLocal(host: string): boolean {
  return isLocalhost(host) || host === '0.0.0.0' || host === '::' || classifyAddress(host) === 'loopback';
}

function isLocalhost(hostname: string): boolean {
  return /(^|\.)localhost$/.test(hostname);
}
