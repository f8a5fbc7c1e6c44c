import type { Schema } from './schema.js';

/** What `info.description` says: what holds for every operation. Markdown. */
export const overview = `OAuth 2.0 for services: tokens, keys, clients, and what an operator needs.

- **Errors.** Under \`/oauth/\` the body is that of RFC 6749 §5.2, elsewhere \`application/problem+json\` (RFC 9457). An unknown path
  is 404, a method that a path does not take is 405 with \`Allow\`.
- **JSON.** Members are snake_case, times RFC 3339 in UTC, durations integer seconds. An unknown member of a body is refused by name.
- **Lists.** \`limit\` and \`cursor\`; \`next_cursor\` of a page leads to the next one. Newest first, stable under inserts.
- **Access.** Each operation names its scope. \`admin:full\` stands for every \`admin:*\`. A token that is bound to a key is sent as
  \`Authorization: DPoP\` with a proof (RFC 9449). Nothing secret is read from a query string.
- **Bodies.** At most 64 KiB under \`/oauth/\` and 1 MiB elsewhere, never compressed.
- **HEAD** is answered wherever GET is.`;

/** The groups of operations, in the order in which they are shown. */
export const tags: readonly { readonly name: string; readonly description: string }[] = [
  { name: 'OAuth', description: 'Tokens: issued, inspected, revoked.' },
  { name: 'Discovery', description: 'What verifiers and clients need to know.' },
  { name: 'Clients', description: 'Registration of clients and their secrets.' },
  { name: 'Scopes', description: 'The registry of scope names.' },
  { name: 'Tokens', description: 'Issued tokens, for operators.' },
  { name: 'Keys', description: 'Signing keys and their life.' },
  { name: 'Events', description: 'Publishing, and the catalogue of types.' },
  { name: 'Subscriptions', description: 'Who is told of which events, and how.' },
  { name: 'Deliveries', description: 'What became of each event, and how it goes.' },
  { name: 'Dead letters', description: 'Deliveries that were given up, and another try.' },
  { name: 'Polling', description: 'Events for receivers that cannot be called.' },
  { name: 'State sync', description: 'State that services keep here for each other, and its changes.' },
  { name: 'Audit log', description: 'Who did what, and the proof that nobody has touched it.' },
  { name: 'Statistics', description: 'Counts over time.' },
  { name: 'Running', description: 'Probes, metrics and this document.' },
];

/** `components.headers`. */
export const sharedHeaders: Schema = {
  'X-Request-Id': {
    description: 'Names the request in the logs; a well-formed one that was sent is kept.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$', examples: ['01JNB8Z7Y6X5W4V3T2S1'] },
  },
};

/**
 * `components.securitySchemes`: how an access token is got and shown, and how a client authenticates.
 *
 * @param scopes those that some operation needs
 */
export function securitySchemes(issuer: string, scopes: readonly string[]): Schema {
  return {
    oauth2: {
      type: 'oauth2',
      description:
        'An access token of this server whose audience is the issuer, sent as `Authorization: Bearer` (RFC 6750).',
      flows: {
        clientCredentials: {
          tokenUrl: `${issuer}/oauth/token`,
          scopes: Object.fromEntries(scopes.map((scope) => [scope, scopeMeanings[scope] ?? `What needs ${scope}.`])),
        },
      },
    },
    client_secret_basic: {
      type: 'http',
      scheme: 'basic',
      description:
        '`client_id` and `client_secret`, both form-encoded (RFC 6749 §2.3.1). Instead of this header a client may send them, or an ' +
        'assertion (RFC 7523), in the form.',
    },
    client_certificate: {
      type: 'mutualTLS',
      description: 'A certificate of the client, as a trusted proxy tells it, and `client_id` in the form (RFC 8705).',
    },
  };
}

const scopeMeanings: Readonly<Record<string, string>> = {
  'admin:oauth': 'Clients, scopes, tokens, keys, statistics and the audit log.',
  'admin:system': 'Metrics of the server.',
  'events:publish': 'Publishing events.',
  'state:read': 'Reading states and the feed of their changes.',
  'state:write': 'Writing states of types of its own.',
  'events:poll': 'Reading and acknowledging the events of own subscriptions that are polled.',
};
