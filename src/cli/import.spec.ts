import type { Imported } from './import-draft.js';
import { importHydra } from './import-hydra.js';
import { importKeycloak } from './import-keycloak.js';

const account = { clientId: 'billing', serviceAccountsEnabled: true, protocol: 'openid-connect' };
const service = { client_id: 'billing', grant_types: ['client_credentials'] };

/** What was left out of which client, and why, on one line each. */
function leftOut(imported: Imported | undefined): string[] {
  return (imported?.leftOut ?? []).map(({ of, what, why }) => `${of}: ${what}: ${why}`);
}

describe('an export of Keycloak', () => {
  it('becomes clients, and the scopes that they need, with their descriptions', () => {
    const imported = importKeycloak({
      realm: 'shop',
      clientScopes: [
        { name: 'orders:read', description: 'Read orders', protocolMappers: [] },
        {
          name: 'orders-audience',
          protocolMappers: [
            {
              name: 'aud',
              protocolMapper: 'oidc-audience-mapper',
              config: { 'included.custom.audience': 'https://orders.example' },
            },
          ],
        },
      ],
      clients: [
        {
          ...account,
          name: 'Billing',
          description: 'Writes invoices',
          enabled: false,
          clientAuthenticatorType: 'client-secret',
          defaultClientScopes: ['profile', 'orders:read'],
          optionalClientScopes: ['orders-audience', 'offline_access'],
          attributes: { 'access.token.lifespan': '300', 'dpop.bound.access.tokens': 'true' },
        },
      ],
    });
    expect(imported?.declaration).toEqual({
      scopes: [{ name: 'orders-audience' }, { name: 'orders:read', description: 'Read orders' }],
      clients: [
        {
          client_id: 'billing',
          client_name: 'Billing',
          description: 'Writes invoices',
          status: 'disabled',
          scope: 'orders:read orders-audience',
          audience: ['https://orders.example'],
          access_token_ttl_seconds: 300,
          dpop_bound_access_tokens: true,
        },
      ],
    });
    expect(leftOut(imported)).toEqual([
      'billing: the scope profile: is about people who sign in',
      'billing: the scope offline_access: is about people who sign in',
    ]);
  });

  it.each([
    ['a public client', { publicClient: true }, /public/],
    ['a client without a service account', { serviceAccountsEnabled: false }, /no service account/],
    ['an API', { bearerOnly: true }, /is an API/],
    ['SAML', { protocol: 'saml' }, /speaks saml/],
    ['a symmetric assertion', { clientAuthenticatorType: 'client-secret-jwt' }, /client-secret-jwt/],
    ['a key that is not there', { clientAuthenticatorType: 'client-jwt' }, /jwks/],
    ['a pattern for certificates', { clientAuthenticatorType: 'client-x509' }, /pattern/],
    ['an identifier that is a URL', { clientId: 'https://billing.example' }, /identifier/],
  ])('leaves out %s, and says why', (_, members, why) => {
    const imported = importKeycloak([{ ...account, ...members }]);
    expect(imported?.declaration).toEqual({ scopes: [], clients: [] });
    expect(leftOut(imported)).toEqual([expect.stringMatching(why)]);
  });

  it.each([
    [
      'client-jwt',
      { 'use.jwks.url': 'true', 'jwks.url': 'https://a.example/jwks' },
      { jwks_uri: 'https://a.example/jwks' },
    ],
    [
      'client-jwt',
      { 'use.jwks.string': 'true', 'jwks.string': '{"keys":[{"kty":"EC"}]}' },
      { jwks: { keys: [{ kty: 'EC' }] } },
    ],
    ['client-x509', { 'x509.subjectdn': 'CN=billing' }, { tls_client_auth_subject_dn: 'CN=billing' }],
  ])('takes over how %s authenticates', (type, attributes, expected) => {
    const imported = importKeycloak({ ...account, clientAuthenticatorType: type, attributes });
    expect(imported?.declaration.clients).toMatchObject([expected]);
  });

  it('never takes a secret, and names what else is lost', () => {
    const imported = importKeycloak({
      realm: 'shop',
      accessTokenLifespan: 300,
      clients: [
        {
          ...account,
          name: '${client_billing}',
          secret: 'canary-secret',
          standardFlowEnabled: true,
          defaultClientScopes: ['admin:full', 'OAuth:x', 'with"quote', 'a*b'],
          attributes: { 'access.token.lifespan': '5' },
          protocolMappers: [
            { name: 'Client ID', protocolMapper: 'oidc-usersessionmodel-note-mapper' },
            { name: 'tenant', protocolMapper: 'oidc-hardcoded-claim-mapper' },
            { name: 'aud', protocolMapper: 'oidc-audience-mapper', config: { 'included.client.audience': 'orders' } },
          ],
        },
      ],
      users: [
        {
          serviceAccountClientId: 'billing',
          realmRoles: ['default-roles-shop', 'clerk'],
          clientRoles: { orders: ['read'] },
        },
      ],
    });
    expect(JSON.stringify(imported)).not.toContain('canary');
    expect(imported?.declaration).toEqual({ scopes: [], clients: [{ client_id: 'billing', client_name: 'billing' }] });
    expect(leftOut(imported)).toEqual([
      expect.stringContaining('billing: the mapper tenant'),
      expect.stringContaining('billing: access.token.lifespan'),
      expect.stringContaining('billing: the scope admin:full'),
      expect.stringContaining('billing: the scope OAuth:x'),
      expect.stringContaining('billing: the scope with"quote'),
      expect.stringContaining('billing: the scope a*b'),
      expect.stringContaining('billing: the audience orders'),
      expect.stringContaining('billing: the secret'),
      expect.stringContaining('billing: the standard flow'),
      expect.stringContaining('realm shop: accessTokenLifespan 300'),
      expect.stringContaining('billing: the roles clerk, read'),
    ]);
  });

  it.each([[null], ['text'], [{}], [[]], [{ clients: [] }], [[service]], [{ clients: [{ clientId: 1 }] }]])(
    'is not %j',
    (root) => expect(importKeycloak(root)).toBeUndefined(),
  );
});

describe('an export of Hydra', () => {
  const full = {
    ...service,
    client_name: 'Billing',
    scope: 'openid orders:read',
    audience: ['https://orders.example', 'orders'],
    token_endpoint_auth_method: 'client_secret_post',
    client_credentials_grant_access_token_lifespan: '1h0m30s',
    contacts: ['ops@a.example'],
    metadata: { team: 'a', tier: 2, nested: { a: 1 } },
    redirect_uris: ['https://a.example/cb'],
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
  };

  it.each([
    ['the list of the command line', { items: [full], is_last_page: true }],
    ['the list of the API', [full]],
    ['one client', full],
  ])('is %s', (_, root) => {
    const imported = importHydra(root);
    expect(imported?.declaration).toEqual({
      scopes: [{ name: 'orders:read' }],
      clients: [
        {
          client_id: 'billing',
          client_name: 'Billing',
          scope: 'orders:read',
          audience: ['https://orders.example'],
          token_endpoint_auth_method: 'client_secret_post',
          access_token_ttl_seconds: 3630,
          contacts: ['ops@a.example'],
          metadata: { team: 'a', tier: '2' },
        },
      ],
    });
    expect(leftOut(imported).map((line) => line.split(': ', 2)[1])).toEqual([
      'the scope openid',
      'the audience orders',
      'the metadata nested',
      'the grant authorization_code',
      'the grant refresh_token',
      'redirect_uris',
    ]);
  });

  it('takes over keys', () => {
    const method = { token_endpoint_auth_method: 'private_key_jwt' };
    const byUri = importHydra({ ...service, ...method, jwks_uri: 'https://a.example/jwks', jwks: {} });
    expect(byUri?.declaration.clients).toMatchObject([{ ...method, jwks_uri: 'https://a.example/jwks' }]);
    const bySet = importHydra({ ...service, ...method, jwks: { keys: [{ kty: 'EC' }] } });
    expect(bySet?.declaration.clients).toMatchObject([{ ...method, jwks: { keys: [{ kty: 'EC' }] } }]);
    expect(leftOut(importHydra({ ...service, ...method, jwks: {} }))).toEqual([expect.stringContaining('neither')]);
  });

  it.each([
    ['a public client', { token_endpoint_auth_method: 'none' }, /public/],
    ['another method', { token_endpoint_auth_method: 'client_secret_jwt' }, /client_secret_jwt/],
    ['a client for people', { grant_types: ['authorization_code'] }, /only authorization_code/],
    ['a client twice', { client_id: 'twice' }, /same identifier/],
  ])('leaves out %s', (_, members, why) => {
    const twice = { ...service, client_id: 'twice' };
    const imported = importHydra([twice, { ...service, ...members }]);
    expect(imported?.declaration.clients).toHaveLength(1);
    expect(leftOut(imported)).toEqual([expect.stringMatching(why)]);
  });

  it('never takes a secret', () => {
    const imported = importHydra({ ...service, client_secret: 'canary-secret' });
    expect(JSON.stringify(imported)).not.toContain('canary');
    expect(leftOut(imported)).toEqual([expect.stringContaining('the secret')]);
  });

  it.each([[null], [7], [{}], [[]], [{ items: [] }], [[account]]])('is not %j', (root) =>
    expect(importHydra(root)).toBeUndefined(),
  );
});
