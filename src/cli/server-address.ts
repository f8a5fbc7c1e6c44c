import { usageFault } from './failure.js';

/**
 * The base URL of the server, without a trailing slash.
 *
 * @param allowPlain whether `http:` may leave this machine
 * @throws CommandFailure 2 for anything that is no plain http(s) URL, or would send credentials readable by others
 */
export function serverAddress(text: string, allowPlain: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw usageFault('--url: must be the http or https URL of the server');
  }
  if (url.username !== '' || url.password !== '') throw usageFault('--url: must hold no credentials');
  if (url.search !== '' || url.hash !== '') throw usageFault('--url: must have neither query nor fragment');
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !allowPlain) {
    throw usageFault('--url: http would send the credentials unencrypted; use https, or --insecure-http if you must');
  }
  return url.href.replace(/\/+$/, '');
}

/** `URL` writes every spelling of an IPv4 address as four decimal numbers. */
function isLoopback(hostname: string): boolean {
  return hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname) || /^(.+\.)?localhost$/.test(hostname);
}
