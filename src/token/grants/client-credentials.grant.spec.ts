import type { ClientSnapshot } from '../../clients/index.js';
import type { ServerConfig, TokenConfig } from '../../config/index.js';
import { OAuthError } from '../../protocol/index.js';
import type { RegisteredScopes } from '../../scopes/index.js';
import type { AccessTokenIssuer } from '../access-token-issuer.js';
import type { RefreshTokens } from '../refresh/index.js';
import type { TokenCoalescing } from '../token-coalescing.js';
import type { TokenTerms } from '../token-terms.js';
import { ClientCredentialsGrant } from './client-credentials.grant.js';

const resource = 'https://api.a';
const client = {
  clientId: 'billing',
  version: '1',
  grantTypes: new Set(['client_credentials']),
  scope: ['read:profile', 'read:features'],
  audience: [resource, 'https://api.b'],
  tokenCoalescingSeconds: 0,
} as unknown as ClientSnapshot;
const names = new Set(client.scope);
const scopes: RegisteredScopes = { version: '1', names, has: (name) => names.has(name) };
const origin = { ipAddress: undefined, userAgent: undefined, requestId: 'r' };

let issued: TokenTerms[];
let grant: ClientCredentialsGrant;

beforeEach(() => {
  issued = [];
  const issuer = {
    issue: (terms: TokenTerms) => {
      issued.push(terms);
      return Promise.resolve({ json: '{}' });
    },
  } as unknown as AccessTokenIssuer;
  grant = new ClientCredentialsGrant(
    { issuer: 'https://auth.example' } as ServerConfig,
    { accessTokenTtlSeconds: 600 } as TokenConfig,
    issuer,
    {} as RefreshTokens,
    {} as TokenCoalescing,
  );
});

/** The terms, or the error code of the refusal. */
async function ask(scope: string | undefined, ...resources: string[]): Promise<TokenTerms | string | undefined> {
  try {
    const view = { client, scopes, confirmation: undefined };
    await grant.issue({ grantType: 'client_credentials', scope, resources }, view, origin);
    return issued.at(-1);
  } catch (error) {
    if (error instanceof OAuthError) return error.code;
    throw error;
  }
}

it('decides once for requests that are alike', async () => {
  const first = await ask('read:profile', resource);
  expect(await ask('read:profile', resource)).toBe(first);
  expect(first).toMatchObject({ scope: ['read:profile'], audience: resource });
});

it('a scope with a line break is no twin of a scope and a resource', async () => {
  await ask('read:profile', resource);
  expect(await ask(`read:profile\n${resource}`)).toBe('invalid_scope');
  await ask(undefined, resource, 'https://api.b');
  expect(await ask(undefined, `${resource}\nhttps://api.b`)).toBe('invalid_target');
  expect(await ask(`\n${resource}`)).toBe('invalid_scope');
});

it('a scope that looks like a remembered request is judged as a scope', async () => {
  await ask(undefined);
  expect(await ask('[null]')).toBe('invalid_scope');
  expect(await ask('null')).toBe('invalid_scope');
});
