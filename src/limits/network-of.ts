import { isIPv4 } from 'node:net';

/**
 * The network that an address is counted under: /24 for IPv4, /56 for IPv6, since who holds one address of such a network
 * usually holds them all (security.md D14).
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  if (isIPv4(address)) return address.slice(0, address.lastIndexOf('.'));
  return expand(address).slice(0, 14);
}

/** The 32 hexadecimal digits of an IPv6 address. */
function expand(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0000');
  return [...left, ...zeros, ...right].join('');
}

function groups(part: string): string[] {
  return part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0'));
}
