/** The grants that a client can be registered for: those that the token endpoint answers. */
export const supportedGrantTypes: readonly string[] = ['client_credentials', 'refresh_token'];

/** The values of `token_endpoint_auth_method` that a client can be registered with (RFC 7591 §2, RFC 8705 §2.1.1, §2.2.1). */
export const supportedAuthMethods: readonly string[] = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
];

/** Whether a client with this `token_endpoint_auth_method` authenticates with a secret (RFC 7591 §2). */
export function authenticatesWithSecret(method: string): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

/** Whether a client with this `token_endpoint_auth_method` authenticates with a key that it has registered. */
export function authenticatesWithKey(method: string): boolean {
  return method === 'private_key_jwt' || method === 'self_signed_tls_client_auth';
}
