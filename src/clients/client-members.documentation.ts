import { count, flag, list, mapOf, type MemberSchemas, nullable, oneOf, type Schema, text } from '../openapi/index.js';
import { type ClientSettings, defaultSettings } from './client.js';
import { supportedAuthMethods, supportedGrantTypes } from './client-capabilities.js';
import type { ClientAnswer } from './client.answer.js';
import type { CreateClientBody } from './clients.dto.js';

type SettingName = Exclude<keyof ClientAnswer, 'client_id' | 'secrets' | 'created_at' | 'updated_at' | 'last_used_at'>;

/** A text of a certificate. */
function subject(description: string): Schema {
  return nullable(text(`${description} of its certificate, for \`tls_client_auth\` (RFC 8705 §2.1.2).`, ''), null);
}

/** What may be set of a client, as its answers show it. */
export const settingSchemas: MemberSchemas<Pick<ClientAnswer, SettingName>> = {
  client_name: text('Its name, for people.', 'Billing'),
  description: nullable(text('What it is, for people.', 'Sends the invoices')),
  status: oneOf('`disabled` clients get no tokens.', ['active', 'disabled']),
  grant_types: list('The grants that it may use.', oneOf('A grant.', supportedGrantTypes)),
  token_endpoint_auth_method: oneOf('How it authenticates (RFC 7591 §2, RFC 8705).', supportedAuthMethods),
  scope: text('What it may ask for, space-delimited.', 'read:profile events:publish'),
  audience: list(
    'The `aud` of its tokens unless it asks for others.',
    text('An absolute URI.', 'https://api.example.com'),
  ),
  resource_identifiers: list(
    'The APIs that it serves, whose tokens it may introspect.',
    text('An absolute URI.', 'https://billing.example.com'),
  ),
  access_token_ttl_seconds: nullable(count('Life of its access tokens; `null`: that of the server.', 300)),
  refresh_token_ttl_seconds: nullable(count('Idle life of its refresh tokens; `null`: 7 days.', 604_800), null),
  refresh_token_grace_seconds: count('How long a refresh token that was used answers its successor once more.', 0),
  jwks: nullable(
    {
      type: 'object',
      description: 'Its public keys (RFC 7517 §5); excludes `jwks_uri`.',
      required: ['keys'],
      properties: { keys: list('The keys.', { type: 'object' }, { minItems: 1, maxItems: 20 }) },
    },
    null,
  ),
  jwks_uri: nullable(text('Where its public keys are.', '', { format: 'uri' }), null),
  dpop_bound_access_tokens: flag('Whether each token request needs a DPoP proof (RFC 9449 §5.2).', false),
  tls_client_auth_subject_dn: subject('Subject (RFC 4514)'),
  tls_client_auth_san_dns: subject('DNS name'),
  tls_client_auth_san_uri: subject('URI'),
  tls_client_auth_san_ip: subject('IP address'),
  tls_client_auth_san_email: subject('Mailbox'),
  tls_client_certificate_bound_access_tokens: flag(
    'Whether its tokens are bound to its certificate (RFC 8705 §3.4).',
    false,
  ),
  allowed_networks: list('Where it may call from; none: from anywhere.', text('A CIDR.', '10.0.0.0/8')),
  rate_limit_per_minute: nullable(count('Token requests per minute; `null`: no limit.', 600)),
  rate_limit_per_day: nullable(count('Token requests per day of UTC; `null`: no limit.', 100_000), null),
  rate_limit_mode: oneOf('Whether what is beyond its limits is refused, or only counted.', ['enforce', 'report']),
  token_coalescing_seconds: count(
    'How long requests that are alike get the same token, at most 60; 0: each gets its own.',
    0,
  ),
  contacts: list('Whom to ask about it.', text('A person.', 'billing@example.com')),
  metadata: mapOf('Anything else about it.', text('A value.', 'eu', { maxLength: 512 }), { region: 'eu' }),
};

/** What a registration or a change may say, with the value of each member that is left out. */
export const clientMembers: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(settingSchemas)
    .filter(([name]) => name !== 'status')
    .map(([name, schema]) => [name, { ...schema, ...defaultOf(name) }]),
);

function defaultOf(name: string): Schema {
  const setting = name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const value = defaultSettings[setting as keyof ClientSettings];
  return value === null || value === '' ? {} : { default: Array.isArray(value) && name === 'scope' ? '' : value };
}

/** A registration. */
export const newClientExample: Partial<CreateClientBody> = {
  client_id: 'billing',
  client_name: 'Billing',
  description: 'Sends the invoices',
  scope: 'read:profile events:publish',
  audience: ['https://api.example.com'],
  access_token_ttl_seconds: 300,
  rate_limit_per_minute: 600,
};
