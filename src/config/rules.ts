import { isIP, isIPv4 } from 'node:net';
import { cidrContains, parseCidr } from '../protocol/index.js';

/** Says what is wrong with the text of a variable, or `undefined`. Never repeats the value. */
export type Rule = (value: string) => string | undefined;

/** A whole number in plain decimal digits. */
export function integerBetween(least: number, most: number): Rule {
  return (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}`;
}

/** Days that the audit log is kept: for ever, or long enough to look into what happened. */
export const retentionRule: Rule = (value) =>
  value === '0' || integerBetween(30, 36_500)(value) === undefined
    ? undefined
    : 'must be 0, or a whole number from 30 to 36500';

/** One of the given words. */
export function oneOf(...words: readonly string[]): Rule {
  return (value) => (words.includes(value) ? undefined : `must be one of ${words.join(', ')}`);
}

/** A host name or an IP address to listen on. */
export const hostRule: Rule = (value) =>
  // Digits and dots alone are an address, or one gone wrong.
  isIP(value) > 0 || (/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value) && !/^[\d.]+$/.test(value))
    ? undefined
    : 'must be a host name or an IP address';

/** An issuer identifier (RFC 8414 §2): https, or http on loopback; no query, fragment, user or trailing slash. */
export const issuerRule: Rule = (value) => {
  if (!URL.canParse(value)) return 'must be an absolute URL';
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password';
  if (value.includes('?') || value.includes('#')) return 'must have neither query nor fragment';
  if (value.endsWith('/')) return 'must not end with a slash';
  if (/%(?![0-9A-Fa-f]{2})/.test(value)) return 'must not hold a % that begins no escape';
  if (url.href !== value && url.href !== `${value}/`)
    return 'must be written in its normal form (lower-case host, no default port)';
  if (url.protocol === 'https:') return undefined;
  return url.protocol === 'http:' && isLoopback(url.hostname) ? undefined : 'must use https, except on loopback';
};

/** Whether a host, as `URL` writes it, is this machine. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

/** A URL with one of the given schemes. */
export function urlWithScheme(...schemes: readonly string[]): Rule {
  return (value) =>
    value.includes('://') && schemes.includes(connectionUrl(value)?.protocol.slice(0, -1) ?? '')
      ? undefined
      : `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
}

/** The URL of a connection, which may leave out the host after a user where a socket is named in the query. */
export function connectionUrl(value: string): URL | undefined {
  const complete = value.replace(/^([a-z]+:\/\/[^/?#]*@)(?=[/?])/, '$1localhost');
  return URL.canParse(complete) ? new URL(complete) : undefined;
}

/** 32 random bytes in base64. */
export const keyRule: Rule = (value) => {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(value))
    return 'must be 32 bytes in base64 (44 characters), as of: openssl rand -base64 32';
  return new Set(Buffer.from(value, 'base64')).size < 16 ? 'is too regular to be random' : undefined;
};

/** A client identifier as the admin API takes it. */
export const clientIdRule: Rule = (value) =>
  /^[A-Za-z0-9._-]{3,64}$/.test(value) ? undefined : 'must be 3 to 64 characters of A-Z a-z 0-9 . _ -';

/** Widest network that may be named: a typo must not open everything. */
const shortestPrefix = { 4: 8, 6: 7 } as const;

/** Comma-separated CIDRs, none of them as wide as the whole Internet. */
export const networksRule: Rule = (value) => {
  for (const text of listOf(value)) {
    const cidr = parseCidr(asCidr(text));
    if (cidr === null) return 'must be a comma-separated list of networks such as 10.0.0.0/8';
    const family = text.includes(':') ? 6 : 4;
    if (cidr.prefixLength < shortestPrefix[family]) return 'names a network that is too wide';
  }
  return undefined;
};

const linkLocalNetworks = ['169.254.0.0/16', 'fe80::/10'];

/** Networks that outgoing requests may reach: link-local is never among them. */
export const targetNetworksRule: Rule = (value) =>
  networksRule(value) ??
  (listOf(value).some((text) => linkLocalNetworks.some((linkLocal) => overlap(asCidr(text), linkLocal)))
    ? 'must not include link-local addresses'
    : undefined);

/** Two networks overlap if one of them holds the first address of the other. */
function overlap(one: string, other: string): boolean {
  return holdsStartOf(one, other) || holdsStartOf(other, one);
}

function holdsStartOf(network: string, other: string): boolean {
  const cidr = parseCidr(network);
  return cidr !== null && cidrContains([cidr], other.split('/', 1)[0] ?? '');
}

/** A bare address stands for itself alone. */
export function asCidr(text: string): string {
  const family = isIP(text);
  return family === 0 ? text : `${text}/${family === 4 ? 32 : 128}`;
}

/** Comma-separated whole seconds, at most 20 of them, each from none to 1 day. */
export const secondsListRule: Rule = (value) => {
  const parts = listOf(value);
  const ok =
    parts.length > 0 && parts.length <= 20 && parts.every((part) => integerBetween(0, 86_400)(part) === undefined);
  return ok ? undefined : 'must be a comma-separated list of 1 to 20 whole seconds, each from 0 to 86400';
};

/** The parts of a comma-separated list, trimmed. */
export function listOf(value: string): string[] {
  return value.split(',').map((part) => part.trim());
}

const unsafeNodeOptions = [
  '--inspect',
  '--heapsnapshot',
  '--heap-prof',
  '--tls-min-v1.0',
  '--tls-min-v1.1',
  '--report-on',
  '--report-uncaught',
  '--insecure-http-parser',
  '--tls-keylog',
  '--tls-cipher-list',
  '--trace-tls',
  '--abort-on-uncaught-exception',
];

/** Options of Node.js that would show the memory of the process to others, or weaken HTTP or TLS. */
export const nodeOptionsRule: Rule = (value) => {
  // Node.js takes an underscore for a hyphen, and unquotes what it finds in the variable.
  const plain = value.replaceAll('_', '-').replaceAll(/["'\\]/g, '');
  const unsafe = unsafeNodeOptions.find((option) => plain.includes(option));
  return unsafe === undefined ? undefined : `must not hold ${unsafe}: it exposes keys, or weakens HTTP or TLS`;
};
