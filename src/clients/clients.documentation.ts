import {
  count,
  type Documentation,
  exampleOf,
  extended,
  list,
  named,
  nullable,
  object,
  oneOf,
  pageOfItems,
  pageQuery,
  type Schema,
  text,
  time,
} from '../openapi/index.js';
import { maxLiveSecrets } from './client-secrets.service.js';
import { clientMembers, newClientExample, settingSchemas } from './client-members.documentation.js';
import type { ClientAnswer, ClientSecretAnswer, RegeneratedSecretAnswer } from './client.answer.js';
import {
  ClientIdTaken,
  ClientNotFound,
  LastAdministrator,
  LastSecret,
  NoSecretMethod,
  SecretNotFound,
  TooManySecrets,
} from './clients.errors.js';

const tag = 'Clients';
const clientId = text('The client.', 'billing');

const secret = named(
  'ClientSecret',
  object<ClientSecretAnswer>({
    secret_id: text('Names the secret; no part of it.', 'NpVq3kXw'),
    hint: text('Its last characters.', 'x7Qa'),
    created_at: time('When it was made.'),
    expires_at: nullable(time('When it ends; `null`: never.'), null),
    last_used_at: nullable(time('When the client last used it; `null`: never.'), null),
  }),
);

const client = named(
  'Client',
  object<ClientAnswer>({
    client_id: clientId,
    ...settingSchemas,
    secrets: list('The live secrets: never a secret itself, nor its hash.', secret),
    created_at: time('When it was registered.'),
    updated_at: time('When it was last changed.'),
    last_used_at: nullable(time('When it last authenticated; `null`: never.'), null),
  }),
);

const issuedSecret: Readonly<Record<string, Schema>> = {
  client_secret: text('The new secret, shown this once.', 'signet_cs_NpVq3kXw_4mBvR1tYz8Ls0QdHc7Kf2WgJ5XnPaUe9'),
  client_secret_expires_at: count('When it ends, in seconds since 1970; 0: never (RFC 7591 §3.2.1).', 0),
};

const registeredClient = named('RegisteredClient', {
  ...extended(client, issuedSecret, true),
  examples: [exampleOf(extended(client, issuedSecret))],
});
const changedClient = named('ChangedClient', extended(client, issuedSecret, true));

const regeneratedSecret = named(
  'RegeneratedSecret',
  object<RegeneratedSecretAnswer>({
    client_id: clientId,
    client_secret: issuedSecret['client_secret'] ?? {},
    secret_id: text('Names the new secret.', 'NpVq3kXw'),
    client_secret_expires_at: issuedSecret['client_secret_expires_at'] ?? {},
    previous_secrets_expire_at: nullable(time('When the last of the older secrets ends; `null`: none is live.'), null),
  }),
);

export const listClients: Documentation = {
  id: 'listClients',
  tag,
  summary: 'List clients',
  query: {
    ...pageQuery,
    q: text('A part of the `client_id` or of the name, taken literally.', 'bill', { maxLength: 200 }),
    status: oneOf('Only those of this status.', ['active', 'disabled']),
  },
  answers: { 200: { description: 'A page of clients.', schema: pageOfItems('Client', client) } },
};

export const createClient: Documentation = {
  id: 'createClient',
  tag,
  summary: 'Register a client',
  description:
    'The token of the caller must cover all that the client may have. Unless the client authenticates with a key, it gets a secret.',
  body: { members: clientMembers, example: newClientExample },
  answers: {
    201: {
      description: 'The client, with its secret where it has one.',
      schema: registeredClient,
      headers: {
        Location: text('The client.', 'https://auth.example.com/admin/oauth/clients/billing', { format: 'uri' }),
      },
    },
  },
  problems: [new ClientIdTaken()],
};

export const getClient: Documentation = {
  id: 'getClient',
  tag,
  summary: 'Read a client',
  pathParameters: { client_id: clientId },
  answers: { 200: { description: 'The client.', schema: client } },
  problems: [new ClientNotFound()],
};

export const updateClient: Documentation = {
  id: 'updateClient',
  tag,
  summary: 'Change a client',
  description:
    'A JSON merge patch (RFC 7396): a member that is absent stays, `null` goes back to its default. Disabling ends the live tokens of the client; enabling does not revive them. Of two patches that meet, both are applied, one after the other: the later one wins where they name the same member (`If-Match` is not looked at).',
  pathParameters: { client_id: clientId },
  body: {
    members: { ...clientMembers, status: oneOf('`disabled` clients get no tokens.', ['active', 'disabled']) },
    example: { description: 'Sends the invoices', access_token_ttl_seconds: 300, allowed_networks: null },
  },
  answers: {
    200: {
      description: 'The whole client; with a secret if the change of its authentication gave it one.',
      schema: changedClient,
    },
  },
  problems: [new ClientNotFound(), new LastAdministrator()],
};

export const deleteClient: Documentation = {
  id: 'deleteClient',
  tag,
  summary: 'Delete a client',
  description: 'Ends its live tokens. Its `client_id` is never given out again.',
  pathParameters: { client_id: clientId },
  answers: { 204: { description: 'Deleted.' } },
  problems: [new ClientNotFound(), new LastAdministrator()],
};

export const regenerateSecret: Documentation = {
  id: 'regenerateClientSecret',
  tag,
  summary: 'Give a client a new secret',
  pathParameters: { client_id: clientId },
  body: {
    members: { overlap_seconds: { description: 'How long the older secrets still work.', default: 0 } },
    example: { overlap_seconds: 86_400 },
  },
  answers: { 200: { description: 'The new secret, shown this once.', schema: regeneratedSecret } },
  problems: [new ClientNotFound(), new NoSecretMethod(), new TooManySecrets(maxLiveSecrets)],
};

export const deleteSecret: Documentation = {
  id: 'deleteClientSecret',
  tag,
  summary: 'End a secret of a client',
  pathParameters: { client_id: clientId, secret_id: text('The secret.', 'NpVq3kXw') },
  answers: { 204: { description: 'Ended.' } },
  problems: [new ClientNotFound(), new SecretNotFound(), new LastSecret()],
};
