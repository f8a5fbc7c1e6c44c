import { authenticator, type ServiceCredentials } from '../client/credentials.js';
import { jsonBody } from '../client/json-body.js';
import { TokenError } from './errors.js';

/** Who asks, and where. */
export interface IntrospectionOptions {
  credentials: ServiceCredentials;
  /** `<issuer>/oauth/introspect` unless given. */
  url?: string;
  /** Milliseconds; 5000 unless given. */
  timeoutMs?: number;
}

/**
 * Asks the server whether a token is live (RFC 7662).
 *
 * @throws TypeError when the credentials lack something; (the function) TokenError `unavailable` without an answer: it is not
 *   known, so it must not be believed
 *
 * @internal
 */
export function introspector(
  fetcher: typeof fetch,
  issuer: string,
  { credentials, url = `${issuer}/oauth/introspect`, timeoutMs = 5_000 }: IntrospectionOptions,
): (token: string) => Promise<boolean> {
  const authenticate = authenticator(credentials, issuer);
  return async (token) => {
    try {
      const { headers, parameters } = await authenticate();
      const response = await fetcher(url, {
        method: 'POST',
        headers: { ...headers, accept: 'application/json' },
        body: new URLSearchParams({ ...parameters, token }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!response.ok) throw new Error(`the introspection endpoint answered ${response.status}`);
      return (await jsonBody(response))['active'] === true;
    } catch (error) {
      throw new TokenError('unavailable', 'whether the token is live cannot be asked', { cause: error });
    }
  };
}
