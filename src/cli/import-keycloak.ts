import { Draft, type Imported, isMembers, type Members, membersIn, textIn, textsIn } from './import-draft.js';

/** Reads an attribute of a client, which Keycloak keeps as text. */
type Attribute = (name: string) => string | undefined;

/**
 * Reads what Keycloak exports: a realm (`kc.sh export`, "Partial export"), a list of clients, or one client. Clients with a
 * service account are taken.
 *
 * @param root the JSON of the export
 * @returns `undefined` if it is no such export
 */
export function importKeycloak(root: unknown): Imported | undefined {
  const realm: Members = isMembers(root) && Array.isArray(root['clients']) ? root : {};
  const clients = membersIn(Array.isArray(root) ? root : (realm['clients'] ?? [root]));
  if (clients.length === 0 || !clients.every((client) => typeof client['clientId'] === 'string')) return undefined;
  const scopes = new Map(membersIn(realm['clientScopes']).map((scope) => [String(scope['name']), scope]));
  const descriptions = new Map([...scopes].map(([name, scope]) => [name, textIn(scope['description']) ?? '']));
  const draft = new Draft(descriptions);
  for (const client of clients) takeClient(draft, client, scopes);
  leaveRealm(draft, realm);
  return draft.finished();
}

function takeClient(draft: Draft, client: Members, scopes: ReadonlyMap<string, Members>): void {
  const id = String(client['clientId']);
  const refusal = refusalOf(client);
  if (refusal !== undefined) return draft.leave(id, 'the client', refusal);
  const attributes = isMembers(client['attributes']) ? client['attributes'] : {};
  const attribute: Attribute = (name) => textIn(attributes[name]);
  const authentication = authenticationOf(client['clientAuthenticatorType'], attribute);
  if (typeof authentication === 'string') return draft.leave(id, 'the client', authentication);
  const ownScopes = [...textsIn(client['defaultClientScopes']), ...textsIn(client['optionalClientScopes'])];
  const mapped = [client, ...ownScopes.map((name) => scopes.get(name) ?? {})];
  const mappers = mapped.flatMap((one) => [...membersIn(one['protocolMappers'])]);
  const name = textIn(client['name']);
  draft.take({
    id,
    // `${client_account}` is a key of Keycloak's own texts.
    name: name?.startsWith('${') === true ? undefined : name,
    description: textIn(client['description']),
    isDisabled: client['enabled'] === false,
    scope: ownScopes,
    audience: audienceOf(draft, id, mappers),
    members: {
      ...authentication,
      access_token_ttl_seconds: draft.lifetime(
        id,
        'access.token.lifespan',
        secondsOf(attribute('access.token.lifespan')),
      ),
      dpop_bound_access_tokens: attribute('dpop.bound.access.tokens') === 'true' ? true : undefined,
      tls_client_certificate_bound_access_tokens:
        attribute('tls.client.certificate.bound.access.tokens') === 'true' ? true : undefined,
    },
  });
  leaveRest(draft, id, client, attribute);
}

/** Why a client of Keycloak is none for this server. */
function refusalOf(client: Members): string | undefined {
  const protocol = textIn(client['protocol']) ?? 'openid-connect';
  if (protocol !== 'openid-connect') return `speaks ${protocol}`;
  if (client['bearerOnly'] === true)
    return 'is an API and asks for no tokens; name it in audience, or resource_identifiers';
  if (client['publicClient'] === true) return 'is public: it has nothing to authenticate with';
  if (client['serviceAccountsEnabled'] !== true) return 'has no service account: it is for people who sign in';
  return undefined;
}

/** How the client authenticates, in members of this server; or why it cannot. */
function authenticationOf(type: unknown, attribute: Attribute): Members | string {
  switch (type ?? 'client-secret') {
    case 'client-secret':
      return {};
    case 'client-jwt': {
      const keys = keysOf(attribute);
      return keys === undefined
        ? 'its key is a certificate that is no key set: give it a jwks or jwks_uri, and import again'
        : { token_endpoint_auth_method: 'private_key_jwt', ...keys };
    }
    case 'client-x509': {
      const subject = attribute('x509.subjectdn');
      if (attribute('x509.allow.regex.pattern.comparison') === 'true' || subject === undefined) {
        return 'its certificate is told by a pattern; here it is by the exact subject';
      }
      return { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: subject };
    }
    default:
      return `authenticates by ${String(type)}, which this server does not offer`;
  }
}

function keysOf(attribute: Attribute): Members | undefined {
  const uri = attribute('jwks.url');
  if (attribute('use.jwks.url') === 'true' && uri !== undefined) return { jwks_uri: uri };
  const text = attribute('use.jwks.string') === 'true' ? attribute('jwks.string') : undefined;
  if (text === undefined) return undefined;
  try {
    const jwks: unknown = JSON.parse(text);
    return isMembers(jwks) ? { jwks: { keys: jwks['keys'] } } : undefined;
  } catch {
    return undefined;
  }
}

/** The audiences that the mappers of a client and of its scopes add. */
function audienceOf(draft: Draft, id: string, mappers: readonly Members[]): string[] {
  return mappers.flatMap(({ name, protocolMapper, config }) => {
    const settings = isMembers(config) ? config : {};
    if (protocolMapper !== 'oidc-audience-mapper') {
      if (!isOfServiceAccount(name)) draft.leave(id, `the mapper ${String(name)}`, 'claims are those of RFC 9068 only');
      return [];
    }
    const included = textIn(settings['included.custom.audience']) ?? textIn(settings['included.client.audience']);
    return included === undefined ? [] : [included];
  });
}

/** Keycloak gives each service account three mappers, for what is in every token here: `client_id`, and who asked. */
function isOfServiceAccount(name: unknown): boolean {
  return typeof name === 'string' && /^client (id|host|ip address)$/i.test(name);
}

function secondsOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function leaveRest(draft: Draft, id: string, client: Members, attribute: Attribute): void {
  if (textIn(client['secret']) !== undefined) {
    draft.leave(id, 'the secret', 'secrets are never taken over; signet apply makes a new one');
  }
  for (const [member, what] of [
    ['standardFlowEnabled', 'the standard flow'],
    ['implicitFlowEnabled', 'the implicit flow'],
    ['directAccessGrantsEnabled', 'direct access grants'],
  ] as const) {
    if (client[member] === true) draft.leave(id, what, 'people do not sign in here');
  }
  if (attribute('client_credentials.use_refresh_token') === 'true') {
    draft.leave(
      id,
      'refresh tokens',
      'add refresh_token to grant_types if it needs them: a token costs one request anyway',
    );
  }
  if (client['authorizationServicesEnabled'] === true) {
    draft.leave(id, 'authorization services', 'there are scopes, and no policies (UMA)');
  }
}

function leaveRealm(draft: Draft, realm: Members): void {
  const of = `realm ${String(realm['realm'])}`;
  const lifespan = realm['accessTokenLifespan'];
  if (typeof lifespan === 'number') {
    draft.leave(of, `accessTokenLifespan ${lifespan}`, 'belongs into ACCESS_TOKEN_TTL_SECONDS of the server');
  }
  for (const user of membersIn(realm['users'])) {
    const account = textIn(user['serviceAccountClientId']);
    const roles = isMembers(user['clientRoles']) ? Object.values(user['clientRoles']).flatMap(textsIn) : [];
    const all = [...textsIn(user['realmRoles']), ...roles].filter((role) => !role.startsWith('default-roles-'));
    if (account !== undefined && all.length > 0) {
      draft.leave(account, `the roles ${all.join(', ')}`, 'there are no roles; declare scopes that say the same');
    }
  }
}
