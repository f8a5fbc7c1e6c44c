import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A network: an address and how many of its leading bits count. */
export interface Cidr {
  readonly address: Address;
  readonly prefixLength: number;
}

const MAX_TEXT_LENGTH = 64;
const MAPPED_BITS = 96;
/** How Node spells a mapped address; reading the rest as IPv4 spares the hot path the slow parser of IPv6. */
const MAPPED = '::ffff:';

/**
 * Parses `address/prefix-length` (RFC 4632 §3.1, RFC 4291 §2.3), `null` if it is none. Strict: dotted decimal with four
 * parts, no zone, no bare address, no bits set behind the prefix (`10.1.2.3/8` is a slip and would match more than it
 * seems to). An IPv4 network written as IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 network.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  if (slash === -1 || text.length > MAX_TEXT_LENGTH) return null;
  const written = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (written === null || !/^(0|[1-9][0-9]{0,2})$/.test(digits)) return null;
  const bits = Number(digits);
  if (bits > (written.kind() === 'ipv4' ? 32 : 128) || !isNetworkAddress(written, bits)) return null;
  const address = bits >= MAPPED_BITS ? unmapped(written) : written;
  return { address, prefixLength: address === written ? bits : bits - MAPPED_BITS };
}

/**
 * Whether `address` lies in one of the networks. An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`, as a dual-stack
 * socket reports it) counts as IPv4 and as nothing else. What is no address lies nowhere.
 */
export function cidrContains(networks: readonly Cidr[], address: string): boolean {
  if (networks.length === 0 || address.length > MAX_TEXT_LENGTH) return false;
  const isMapped =
    address.startsWith(MAPPED) && address.includes('.') && address.lastIndexOf(':') === MAPPED.length - 1;
  const written = parseAddress(isMapped ? address.slice(MAPPED.length) : address);
  if (written === null) return false;
  const plain = unmapped(written);
  return networks.some((network) => contains(network, plain));
}

/** The bytes of an address that stands alone, 4 or 16; `null` if it is none. */
export function addressBytes(text: string): readonly number[] | null {
  return text.length > MAX_TEXT_LENGTH ? null : (parseAddress(text)?.toByteArray() ?? null);
}

function contains(network: Cidr, address: Address): boolean {
  if (network.address.kind() !== address.kind()) return false;
  return address.match(network.address, network.prefixLength);
}

/** Plain spellings only: the library would also take octal, hexadecimal and shortened IPv4, and zones. */
function parseAddress(text: string): Address | null {
  const dottedFrom = text.lastIndexOf(':') + 1;
  if (text.includes('.') && !ipaddr.IPv4.isValidFourPartDecimal(text.slice(dottedFrom))) return null;
  if (dottedFrom === 0) return text.includes('.') ? ipaddr.IPv4.parse(text) : null;
  // `::10.0.0.1` is not `::ffff:10.0.0.1` (RFC 4291 §2.5.5.1, deprecated), but the library reads it so.
  if (text.includes('%') || (text.includes('.') && dottedFrom === 2)) return null;
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null;
}

function unmapped(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function isNetworkAddress(address: Address, bits: number): boolean {
  return address.toByteArray().every((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}
