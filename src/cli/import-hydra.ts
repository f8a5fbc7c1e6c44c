import { Draft, type Imported, isMembers, type Members, membersIn, textIn, textsIn } from './import-draft.js';

/** Ways to authenticate that both servers have. */
const methods: readonly string[] = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];

/**
 * Reads what Ory Hydra exports: `hydra list oauth2-clients --format json`, the answer of `GET /admin/clients`, or one client.
 * Clients with the grant `client_credentials` are taken.
 *
 * @param root the JSON of the export
 * @returns `undefined` if it is no such export
 */
export function importHydra(root: unknown): Imported | undefined {
  const items = isMembers(root) && Array.isArray(root['items']) ? root['items'] : root;
  const clients = membersIn(Array.isArray(items) ? items : [items]);
  if (clients.length === 0 || !clients.every((client) => typeof client['client_id'] === 'string')) return undefined;
  const draft = new Draft();
  for (const client of clients) takeClient(draft, client);
  return draft.finished();
}

function takeClient(draft: Draft, client: Members): void {
  const id = String(client['client_id']);
  const grants = textsIn(client['grant_types']);
  if (!grants.includes('client_credentials')) {
    return draft.leave(id, 'the client', `has no grant client_credentials, only ${grants.join(', ') || 'none'}`);
  }
  const authentication = authenticationOf(client);
  if (typeof authentication === 'string') return draft.leave(id, 'the client', authentication);
  const lifespan = textIn(client['client_credentials_grant_access_token_lifespan']);
  draft.take({
    id,
    name: textIn(client['client_name']),
    scope: (textIn(client['scope']) ?? '').split(' ').filter(Boolean),
    audience: textsIn(client['audience']),
    members: {
      ...authentication,
      access_token_ttl_seconds: draft.lifetime(id, `the lifespan ${String(lifespan)}`, secondsOf(lifespan)),
    },
    contacts: textsIn(client['contacts']),
    metadata: isMembers(client['metadata']) ? client['metadata'] : {},
  });
  leaveRest(draft, id, client, grants);
}

/** How the client authenticates, in members of this server; or why it cannot. */
function authenticationOf(client: Members): Members | string {
  const method = textIn(client['token_endpoint_auth_method']) ?? 'client_secret_basic';
  if (!methods.includes(method)) {
    return method === 'none' ? 'is public: it has nothing to authenticate with' : `authenticates by ${method}`;
  }
  const { jwks, jwks_uri: uri } = client;
  const keys = isMembers(jwks) ? membersIn(jwks['keys']) : [];
  const keySet = textIn(uri) !== undefined ? { jwks_uri: uri } : keys.length > 0 ? { jwks: { keys } } : undefined;
  if (method !== 'private_key_jwt')
    return method === 'client_secret_basic' ? {} : { token_endpoint_auth_method: method };
  return keySet === undefined
    ? 'authenticates with a key, and has neither jwks nor jwks_uri'
    : { token_endpoint_auth_method: method, ...keySet };
}

/** A duration of Go: `1h30m`, `15m0s`, `90s`. */
function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

function leaveRest(draft: Draft, id: string, client: Members, grants: readonly string[]): void {
  if (textIn(client['client_secret']) !== undefined) {
    draft.leave(id, 'the secret', 'secrets are never taken over; signet apply makes a new one');
  }
  for (const grant of grants) {
    if (grant === 'refresh_token') {
      draft.leave(
        id,
        `the grant ${grant}`,
        'Hydra gives none for client_credentials; add it if the service wants them',
      );
    } else if (grant !== 'client_credentials') draft.leave(id, `the grant ${grant}`, 'this server does not offer it');
  }
  for (const [member, why] of [
    ['redirect_uris', 'people do not sign in here'],
    ['allowed_cors_origins', 'tokens are for services, not for browsers'],
  ] as const) {
    if (textsIn(client[member]).length > 0) draft.leave(id, member, why);
  }
  if (client['access_token_strategy'] === 'opaque') {
    draft.leave(id, 'opaque tokens', 'tokens are signed (RFC 9068); introspection takes them all the same');
  }
}
