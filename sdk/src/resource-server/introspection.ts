import { authenticate, type ServiceCredentials } from '../client/credentials.js';
import { TokenError } from './errors.js';

/** Who asks, and where. */
export interface IntrospectionOptions {
  readonly credentials: ServiceCredentials;
  /** `<issuer>/oauth/introspect` unless given. */
  readonly url?: string;
  /** Milliseconds; 5000 unless given. */
  readonly timeoutMs?: number;
}

/**
 * Asks the server whether a token is live (RFC 7662).
 *
 * @throws TokenError `unavailable` without an answer: it is not known, so it must not be believed
 *
 * @internal
 */
export async function introspect(
  fetcher: typeof fetch,
  issuer: string,
  { credentials, url = `${issuer}/oauth/introspect`, timeoutMs = 5_000 }: IntrospectionOptions,
  token: string,
): Promise<boolean> {
  try {
    const { headers, parameters } = await authenticate(credentials, issuer);
    const response = await fetcher(url, {
      method: 'POST',
      headers: { ...headers, accept: 'application/json' },
      body: new URLSearchParams({ ...parameters, token }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`the introspection endpoint answered ${response.status}`);
    const body = (await response.json()) as { active?: unknown };
    return body.active === true;
  } catch (error) {
    throw new TokenError('unavailable', 'whether the token is live cannot be asked', { cause: error });
  }
}
