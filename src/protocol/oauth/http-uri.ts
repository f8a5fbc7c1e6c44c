const maxLength = 4096;

/** RFC 3986 §3 for http and https: nothing but a host, a port, a path of its characters, a query and a fragment. */
const httpUri =
  /^(https?):\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?((?:\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)(?:[?][^#]*)?(?:#.*)?$/i;

const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * An http or https URI without its query and fragment, after syntax-based and scheme-based normalization (RFC 3986 §6.2.2,
 * §6.2.3): scheme and host in lower case, no default port, no empty path, percent-encoding only where it is needed and in upper
 * case. What names the path differently in any other way stays different; dot segments are not resolved.
 *
 * @returns `undefined` for anything else, such as a URI with a user
 */
export function normalizedHttpUri(uri: string): string | undefined {
  if (uri.length > maxLength) return undefined;
  const match = httpUri.exec(uri);
  if (match === null) return undefined;
  const [, scheme = '', host = '', port = '', path = ''] = match;
  const lowerScheme = scheme.toLowerCase();
  const plainPort = port.replace(/^0+(?=[0-9])/, '');
  const shownPort = plainPort === '' || plainPort === defaultPorts[lowerScheme] ? '' : `:${plainPort}`;
  return `${lowerScheme}://${host.toLowerCase()}${shownPort}${normalizedPath(path) || '/'}`;
}

/** RFC 3986 §6.2.2.1 and §6.2.2.2. */
function normalizedPath(path: string): string {
  return path.replaceAll(/%([0-9A-Fa-f]{2})/g, (encoded, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : encoded.toUpperCase();
  });
}
