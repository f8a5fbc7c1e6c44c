import type { ServiceCredentials } from './credentials.js';

/** What the environment says about a service: a token that somebody else renews, or how to get one. @internal */
export type ServiceEnvironment =
  { readonly token: string } | { readonly tokenUrl: string; readonly credentials: ServiceCredentials };

/**
 * Reads `SERVICE_TOKEN`, or `SERVICE_TOKEN_URL` with `SERVICE_CLIENT_ID` and `SERVICE_CLIENT_SECRET`.
 *
 * @throws TypeError that names what is missing
 *
 * @internal
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): ServiceEnvironment {
  const token = env['SERVICE_TOKEN'];
  if (token) return { token };
  const missing: string[] = [];
  const [tokenUrl = '', clientId = '', clientSecret = ''] = ['TOKEN_URL', 'CLIENT_ID', 'CLIENT_SECRET'].map((part) => {
    const value = env[`SERVICE_${part}`];
    if (!value) missing.push(`SERVICE_${part}`);
    return value;
  });
  if (missing.length > 0) throw new TypeError(`the environment lacks ${missing.join(', ')} (or SERVICE_TOKEN)`);
  return { tokenUrl, credentials: { clientId, clientSecret } };
}
