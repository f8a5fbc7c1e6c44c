/**
 * The life of a token through clients that nobody here wrote: refresh, private_key_jwt, DPoP, introspection and revocation by
 * oauth4webapi and by openid-client.
 */
import type { webcrypto } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const insecure = { [oauth.allowInsecureRequests]: true };
const scope = 'read:profile';

let server: TestServer;
let metadata: oauth.AuthorizationServer;
let secretClient: Credentials;
let keyClientId: string;
let keys: webcrypto.CryptoKeyPair;
let boundClient: Credentials;

beforeAll(async () => {
  server = await startServer();
  const issuer = new URL(server.issuer);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  metadata = await oauth.processDiscoveryResponse(issuer, response);
  secretClient = await server.createClient({
    client_name: 'Secret',
    scope,
    grant_types: ['client_credentials', 'refresh_token'],
  });
  keys = await oauth.generateKeyPair('ES256', { extractable: true });
  const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey);
  ({ client_id: keyClientId } = await server.createClient({
    client_name: 'Key',
    scope,
    grant_types: ['client_credentials', 'refresh_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...jwk, kid: 'k1', alg: 'ES256' }] },
  }));
  boundClient = await server.createClient({
    client_name: 'Bound',
    scope: `${scope} oauth:introspect admin:oauth`,
    grant_types: ['client_credentials', 'refresh_token'],
    dpop_bound_access_tokens: true,
  });
});

afterAll(() => server?.stop());

const parameters = new URLSearchParams({ scope });

/** How a client authenticates, in the words of either library. */
const clients = () =>
  [
    [
      'client_secret_basic',
      secretClient.client_id,
      oauth.ClientSecretBasic(secretClient.client_secret),
      openid.ClientSecretBasic(secretClient.client_secret),
    ],
    [
      'client_secret_post',
      secretClient.client_id,
      oauth.ClientSecretPost(secretClient.client_secret),
      openid.ClientSecretPost(secretClient.client_secret),
    ],
    [
      'private_key_jwt',
      keyClientId,
      oauth.PrivateKeyJwt({ key: keys.privateKey, kid: 'k1' }),
      openid.PrivateKeyJwt({ key: keys.privateKey, kid: 'k1' }),
    ],
  ] as const;

async function configured(clientId: string, method: openid.ClientAuth): Promise<openid.Configuration> {
  const options: openid.DiscoveryRequestOptions = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] };
  return openid.discovery(new URL(server.issuer), clientId, undefined, method, options);
}

describe.each([0, 1, 2])('client %i', (index) => {
  it('oauth4webapi: token, refresh, introspection, revocation', async () => {
    const [, client_id, authentication] = clients()[index] ?? clients()[0];
    const client: oauth.Client = { client_id };
    const first = await oauth.processClientCredentialsResponse(
      metadata,
      client,
      await oauth.clientCredentialsGrantRequest(metadata, client, authentication, parameters, insecure),
    );
    const second = await oauth.processRefreshTokenResponse(
      metadata,
      client,
      await oauth.refreshTokenGrantRequest(metadata, client, authentication, first.refresh_token ?? '', insecure),
    );
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const introspect = async () =>
      oauth.processIntrospectionResponse(
        metadata,
        client,
        await oauth.introspectionRequest(metadata, client, authentication, second.access_token, insecure),
      );
    expect(await introspect()).toMatchObject({ active: true, client_id, scope, token_type: 'Bearer' });
    const revoked = await oauth.revocationRequest(metadata, client, authentication, second.access_token, insecure);
    await oauth.processRevocationResponse(revoked);
    expect(await introspect()).toEqual({ active: false });
  });

  it('openid-client: token, refresh, introspection, revocation', async () => {
    const [, clientId, , authentication] = clients()[index] ?? clients()[0];
    const configuration = await configured(clientId, authentication);
    const first = await openid.clientCredentialsGrant(configuration, { scope });
    const second = await openid.refreshTokenGrant(configuration, first.refresh_token ?? '');
    expect(await openid.tokenIntrospection(configuration, second.access_token)).toMatchObject({ active: true, scope });
    expect(await openid.tokenIntrospection(configuration, second.refresh_token ?? '')).toMatchObject({ active: true });
    await openid.tokenRevocation(configuration, second.refresh_token ?? '');
    expect(await openid.tokenIntrospection(configuration, second.access_token)).toEqual({ active: false });
    expect(await openid.tokenIntrospection(configuration, second.refresh_token ?? '')).toEqual({ active: false });
  });
});

describe('DPoP', () => {
  it('oauth4webapi: a bound token, its refresh, and our own API', async () => {
    const client: oauth.Client = { client_id: boundClient.client_id };
    const authentication = oauth.ClientSecretBasic(boundClient.client_secret);
    const pair = await oauth.generateKeyPair('ES256');
    const DPoP = oauth.DPoP(client, pair);
    const first = await oauth.processClientCredentialsResponse(
      metadata,
      client,
      await oauth.clientCredentialsGrantRequest(metadata, client, authentication, {}, { ...insecure, DPoP }),
    );
    expect(first.token_type).toBe('dpop');
    const second = await oauth.processRefreshTokenResponse(
      metadata,
      client,
      await oauth.refreshTokenGrantRequest(metadata, client, authentication, first.refresh_token ?? '', {
        ...insecure,
        DPoP,
      }),
    );
    const introspection = await oauth.processIntrospectionResponse(
      metadata,
      client,
      await oauth.introspectionRequest(metadata, client, authentication, second.access_token, insecure),
    );
    expect(introspection).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: await DPoP.calculateThumbprint() },
    });
    const url = new URL(`${server.issuer}/admin/oauth/scopes`);
    const response = await oauth.protectedResourceRequest(second.access_token, 'GET', url, new Headers(), undefined, {
      ...insecure,
      DPoP,
    });
    expect(response.status).toBe(200);
    const asBearer = await fetch(url, { headers: { authorization: `Bearer ${second.access_token}` } });
    expect(asBearer.status).toBe(401);
  });

  it('openid-client: a bound token, and our own API', async () => {
    const configuration = await configured(boundClient.client_id, openid.ClientSecretBasic(boundClient.client_secret));
    const DPoP = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair());
    const token = await openid.clientCredentialsGrant(configuration, {}, { DPoP });
    expect(token.token_type).toBe('dpop');
    const response = await openid.fetchProtectedResource(
      configuration,
      token.access_token,
      new URL(`${server.issuer}/admin/oauth/scopes`),
      'GET',
      null,
      new Headers(),
      { DPoP },
    );
    expect(response.status).toBe(200);
  });
});
