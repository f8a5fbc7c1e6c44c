/** Authorization server metadata (RFC 8414 §2): only what works. */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly scopes_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly service_documentation?: string;
}

/**
 * The document behind `/.well-known/oauth-authorization-server` (RFC 8414 §2 and §3.2). Every URL is built on the
 * configured issuer, never on a request (security.md T-27); no response types, as there is no authorization endpoint.
 *
 * @param server.issuer without a trailing slash
 */
export function authorizationServerMetadata(server: {
  readonly issuer: string;
  readonly grantTypes: readonly string[];
  readonly authMethods: readonly string[];
  readonly scopes: readonly string[];
  readonly serviceDocumentation?: string;
}): AuthorizationServerMetadata {
  const metadata = {
    issuer: server.issuer,
    token_endpoint: `${server.issuer}/oauth/token`,
    jwks_uri: `${server.issuer}/.well-known/jwks.json`,
    scopes_supported: server.scopes,
    response_types_supported: [],
    grant_types_supported: server.grantTypes,
    token_endpoint_auth_methods_supported: server.authMethods,
  };
  return server.serviceDocumentation === undefined
    ? metadata
    : { ...metadata, service_documentation: server.serviceDocumentation };
}
