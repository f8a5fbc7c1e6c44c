/** Authorization server metadata (RFC 8414 §2, RFC 8705 §3.3, RFC 9449 §5.1): only what works. */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly introspection_endpoint: string;
  readonly revocation_endpoint: string;
  readonly jwks_uri: string;
  readonly scopes_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported: readonly string[];
  readonly introspection_endpoint_auth_methods_supported: readonly string[];
  readonly introspection_endpoint_auth_signing_alg_values_supported: readonly string[];
  readonly revocation_endpoint_auth_methods_supported: readonly string[];
  readonly revocation_endpoint_auth_signing_alg_values_supported: readonly string[];
  readonly dpop_signing_alg_values_supported: readonly string[];
  readonly tls_client_certificate_bound_access_tokens?: boolean;
}

/**
 * The document behind `/.well-known/oauth-authorization-server` (RFC 8414 §2 and §3.2). Every URL is built on the
 * configured issuer, never on a request (security.md T-27); no response types, as there is no authorization endpoint.
 *
 * @param server.issuer without a trailing slash
 * @param server.assertionAlgs algorithms that a client may sign its assertion with (RFC 7523)
 * @param server.dpopAlgs algorithms that a DPoP proof may be signed with
 * @param server.readsCertificates whether client certificates reach the server (RFC 8705)
 */
export function authorizationServerMetadata(server: {
  readonly issuer: string;
  readonly grantTypes: readonly string[];
  readonly authMethods: readonly string[];
  readonly assertionAlgs: readonly string[];
  readonly dpopAlgs: readonly string[];
  readonly readsCertificates: boolean;
  readonly scopes: readonly string[];
}): AuthorizationServerMetadata {
  const { issuer, authMethods, assertionAlgs } = server;
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: server.scopes,
    response_types_supported: [],
    grant_types_supported: server.grantTypes,
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgs,
    introspection_endpoint_auth_methods_supported: authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgs,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgs,
    dpop_signing_alg_values_supported: server.dpopAlgs,
    ...(server.readsCertificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
  };
}
