import { authorizationServerMetadata } from './metadata.js';

const server = {
  issuer: 'https://signet.example',
  grantTypes: ['client_credentials'],
  authMethods: ['client_secret_basic', 'client_secret_post'],
  scopes: ['read:profile'],
};

describe('RFC 8414 §2 metadata', () => {
  it('advertises what works and nothing else', () => {
    expect(authorizationServerMetadata(server)).toEqual({
      issuer: 'https://signet.example',
      token_endpoint: 'https://signet.example/oauth/token',
      jwks_uri: 'https://signet.example/.well-known/jwks.json',
      scopes_supported: ['read:profile'],
      response_types_supported: [],
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    });
  });

  it('names the documentation if there is some', () => {
    expect(authorizationServerMetadata({ ...server, serviceDocumentation: 'https://docs.example' })).toMatchObject({
      service_documentation: 'https://docs.example',
    });
  });
});
