/** The grants that a client can be registered for: those that the token endpoint answers. */
export const supportedGrantTypes: readonly string[] = ['client_credentials'];

/** The values of `token_endpoint_auth_method` that a client can be registered with: those that work. */
export const supportedAuthMethods: readonly string[] = ['client_secret_basic', 'client_secret_post'];

/** Whether tokens bound to a key (RFC 9449) can be asked for. */
export const dpopSupported = false;

/** Whether a client with this `token_endpoint_auth_method` authenticates with a secret (RFC 7591 §2). */
export function authenticatesWithSecret(method: string): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}
