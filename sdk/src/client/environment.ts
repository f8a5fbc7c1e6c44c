import type { ServiceCredentials } from './credentials.js';

/** What the environment says about a service. @internal */
export interface ServiceEnvironment {
  /** A token that somebody else renews: it is used as it is. */
  readonly token: string | undefined;
  readonly tokenUrl: string | undefined;
  readonly credentials: ServiceCredentials | undefined;
}

/**
 * Reads `SERVICE_TOKEN`, or `SERVICE_TOKEN_URL` with `SERVICE_CLIENT_ID` and `SERVICE_CLIENT_SECRET`.
 *
 * @throws TypeError that names what is missing
 *
 * @internal
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): ServiceEnvironment {
  const { SERVICE_TOKEN: token, SERVICE_TOKEN_URL: tokenUrl } = env;
  const { SERVICE_CLIENT_ID: clientId, SERVICE_CLIENT_SECRET: clientSecret } = env;
  if (token !== undefined && token !== '') return { token, tokenUrl, credentials: undefined };
  const missing = Object.entries({
    SERVICE_TOKEN_URL: tokenUrl,
    SERVICE_CLIENT_ID: clientId,
    SERVICE_CLIENT_SECRET: clientSecret,
  }).flatMap(([name, value]) => (value === undefined || value === '' ? [name] : []));
  if (missing.length > 0 || clientId === undefined || clientSecret === undefined) {
    throw new TypeError(`the environment lacks ${missing.join(', ')} (or SERVICE_TOKEN)`);
  }
  return { token: undefined, tokenUrl, credentials: { clientId, clientSecret } };
}
