import { type Documentation, flag, list, named, object, type Schema, text } from '../openapi/index.js';
import type { AuthorizationServerMetadata } from '../protocol/index.js';

const issuer = 'https://auth.example.com';

function url(description: string, path: string): Schema {
  return text(description, `${issuer}${path}`, { format: 'uri' });
}

function names(description: string, ...examples: readonly string[]): Schema {
  return { ...list(description, { type: 'string' }), examples: [examples] };
}

const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

const metadata = named(
  'AuthorizationServerMetadata',
  object<AuthorizationServerMetadata>(
    {
      issuer: url('The issuer.', ''),
      token_endpoint: url('Where tokens are got.', '/oauth/token'),
      introspection_endpoint: url('RFC 7662.', '/oauth/introspect'),
      revocation_endpoint: url('RFC 7009.', '/oauth/revoke'),
      jwks_uri: url('The public keys.', '/.well-known/jwks.json'),
      scopes_supported: names('The registered scopes.', 'read:profile', 'events:publish'),
      response_types_supported: names('None: there is no authorization endpoint.'),
      grant_types_supported: names('The grants.', 'client_credentials', 'refresh_token'),
      token_endpoint_auth_methods_supported: names('How clients authenticate.', ...methods),
      token_endpoint_auth_signing_alg_values_supported: names('How assertions are signed.', ...algorithms),
      introspection_endpoint_auth_methods_supported: names('The same.', ...methods),
      introspection_endpoint_auth_signing_alg_values_supported: names('The same.', ...algorithms),
      revocation_endpoint_auth_methods_supported: names('The same.', ...methods),
      revocation_endpoint_auth_signing_alg_values_supported: names('The same.', ...algorithms),
      dpop_signing_alg_values_supported: names('How DPoP proofs are signed.', 'ES256'),
      tls_client_certificate_bound_access_tokens: flag('Whether tokens can be bound to certificates.', true),
    },
    ['tls_client_certificate_bound_access_tokens'],
  ),
);

export const getMetadata: Documentation = {
  id: 'getMetadata',
  tag: 'Discovery',
  summary: 'What the server supports (RFC 8414)',
  description: 'At both paths the same: one is that of RFC 8414, the other that of OpenID Connect Discovery.',
  answers: {
    200: {
      description: 'The metadata.',
      schema: metadata,
      headers: { 'Cache-Control': text('How long it may be kept.', 'public, max-age=300') },
    },
  },
  unavailable: true,
};
