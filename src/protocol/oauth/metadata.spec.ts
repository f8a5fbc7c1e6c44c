import { authorizationServerMetadata } from './metadata.js';

const server = {
  issuer: 'https://signet.example',
  grantTypes: ['client_credentials'],
  authMethods: ['client_secret_basic', 'private_key_jwt'],
  assertionAlgs: ['ES256'],
  dpopAlgs: ['ES256', 'RS256'],
  readsCertificates: false,
  scopes: ['read:profile'],
};

describe('RFC 8414 §2 metadata', () => {
  it('advertises what works and nothing else', () => {
    expect(authorizationServerMetadata(server)).toEqual({
      issuer: 'https://signet.example',
      token_endpoint: 'https://signet.example/oauth/token',
      introspection_endpoint: 'https://signet.example/oauth/introspect',
      revocation_endpoint: 'https://signet.example/oauth/revoke',
      jwks_uri: 'https://signet.example/.well-known/jwks.json',
      scopes_supported: ['read:profile'],
      response_types_supported: [],
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      introspection_endpoint_auth_signing_alg_values_supported: ['ES256'],
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      revocation_endpoint_auth_signing_alg_values_supported: ['ES256'],
      dpop_signing_alg_values_supported: ['ES256', 'RS256'],
    });
  });

  it('RFC 8705 §3.3: tells of certificate-bound tokens where certificates are seen', () => {
    expect(authorizationServerMetadata({ ...server, readsCertificates: true })).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
    });
  });
});
