import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type Cidr, cidrContains, parseCidr } from '../protocol/index.js';

/**
 * What an address is to outgoing requests: `public` may be reached, `private` and `loopback` only where the operator lists
 * their network, `never` not even then.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'never';

/**
 * The special-purpose registries of IANA (RFC 6890) and what cloud providers put beside them. The first class that holds an
 * address is its class; an IPv4 address that is mapped into IPv6 is judged as IPv4.
 */
const specialNetworks: readonly { readonly class: AddressClass; readonly networks: readonly Cidr[] }[] = [
  {
    class: 'never',
    networks: [
      cidr('0.0.0.0/8'), // "this network": connects to this machine (RFC 791 §3.2)
      cidr('169.254.0.0/16'), // link-local, metadata services of clouds among it (RFC 3927)
      cidr('192.0.0.0/24'), // protocol assignments (RFC 6890 §2.1)
      cidr('192.0.2.0/24'), // documentation (RFC 5737)
      cidr('192.31.196.0/24'), // AS112 (RFC 7535)
      cidr('192.52.193.0/24'), // AMT (RFC 7450)
      cidr('192.88.99.0/24'), // 6to4 relays (RFC 7526)
      cidr('192.175.48.0/24'), // AS112 (RFC 7534)
      cidr('198.18.0.0/15'), // benchmarks (RFC 2544)
      cidr('198.51.100.0/24'), // documentation (RFC 5737)
      cidr('203.0.113.0/24'), // documentation (RFC 5737)
      cidr('224.0.0.0/4'), // multicast (RFC 5771)
      cidr('240.0.0.0/4'), // reserved, and broadcast (RFC 1112 §4, RFC 919 §7)
      cidr('100.100.100.200/32'), // metadata of Alibaba Cloud, inside 100.64.0.0/10
      cidr('168.63.129.16/32'), // the host of an Azure machine, a public address
      cidr('::/128'), // unspecified: connects to this machine (RFC 4291 §2.5.2)
      cidr('64:ff9b:1::/48'), // translation of local use (RFC 8215)
      cidr('100::/64'), // discarded (RFC 6666)
      cidr('100:0:0:1::/64'), // dummy prefix (RFC 9780)
      cidr('2001::/23'), // protocol assignments, Teredo among them (RFC 2928, RFC 4380)
      cidr('2001:db8::/32'), // documentation (RFC 3849)
      cidr('2002::/16'), // 6to4, which carries an IPv4 address (RFC 3056)
      cidr('2620:4f:8000::/48'), // AS112 (RFC 7534)
      cidr('3fff::/20'), // documentation (RFC 9637)
      cidr('5f00::/16'), // segment routing (RFC 9602)
      cidr('fe80::/10'), // link-local (RFC 4291 §2.5.6)
      cidr('fec0::/10'), // site-local (RFC 3879)
      cidr('ff00::/8'), // multicast (RFC 4291 §2.7)
      cidr('fd00:ec2::/32'), // metadata and other services of AWS, inside fc00::/7
      cidr('fd20:ce::/32'), // metadata of Google Cloud, inside fc00::/7
    ],
  },
  { class: 'loopback', networks: [cidr('127.0.0.0/8'), cidr('::1/128')] },
  {
    class: 'private',
    networks: [
      cidr('10.0.0.0/8'), // RFC 1918
      cidr('172.16.0.0/12'),
      cidr('192.168.0.0/16'),
      cidr('100.64.0.0/10'), // shared address space (RFC 6598)
      cidr('fc00::/7'), // unique local (RFC 4193)
    ],
  },
];

/** Translated by NAT64 into the IPv4 address of the last four bytes (RFC 6052 §2.1). */
const translated = [cidr('64:ff9b::/96')];

/** All that is allocated of IPv6 for global unicast (RFC 4291 §2.4). */
const globalUnicast = [cidr('2000::/3')];

/**
 * The one way in which an address is compared and dialled, `undefined` for what is no address, or has a zone. An IPv4 address
 * that is mapped into IPv6 becomes IPv4, as the system connects to it.
 */
export function plainAddress(text: string): string | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  // The library takes `::10.0.0.1` for `::ffff:10.0.0.1`; they are two addresses (RFC 4291 §2.5.5).
  if (text.includes(':') && text.includes('.') && !text.toLowerCase().startsWith('::ffff:')) return undefined;
  return ipaddr.process(text).toString();
}

/**
 * The class of an address, an IPv4 address that it carries included. Fails closed: what is no plain address, and what is in
 * no table and not known to be global unicast, is `never`.
 */
export function classifyAddress(text: string): AddressClass {
  const address = plainAddress(text);
  if (address === undefined) return 'never';
  const special = specialNetworks.find(({ networks }) => cidrContains(networks, address));
  if (special !== undefined) return special.class;
  const parsed = ipaddr.parse(address);
  if (cidrContains(translated, address)) {
    const carried = classifyAddress(parsed.toByteArray().slice(-4).join('.'));
    return carried === 'public' ? 'public' : 'never';
  }
  if (parsed.kind() === 'ipv6' && !cidrContains(globalUnicast, address)) return 'never';
  // A second opinion, of a table that somebody else keeps.
  return parsed.range() === 'unicast' ? 'public' : 'never';
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === null) throw new Error(`${text} is no network`);
  return parsed;
}
