import { ClientNotFound } from '../clients/index.js';
import {
  count,
  type Documentation,
  list,
  named,
  nullable,
  object,
  oneOf,
  pageOfItems,
  pageQuery,
  text,
  time,
} from '../openapi/index.js';
import type { TokenAnswer } from './token-listing.service.js';
import { TokenNotFound } from './tokens.errors.js';

const tag = 'Tokens';
const jti = text('Names the token.', '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d');
const clientId = text('The client.', 'billing');

const token = named(
  'IssuedToken',
  object<TokenAnswer>({
    jti,
    client_id: clientId,
    scope: text('Its scope, space-delimited.', 'read:profile'),
    aud: list('Whom it is for.', text('An absolute URI.', 'https://api.example.com')),
    issued_at: time('When it was issued.'),
    expires_at: time('When it expires, or did.', '2026-03-01T09:40:00.000Z'),
    revoked_at: nullable(time('When it was revoked; `null`: it was not.'), null),
    revoked_reason: nullable(text('Why.', 'client_disabled'), null),
    ip_address: nullable(text('Who asked for it.', '192.0.2.7')),
    user_agent: nullable(text('With what.', 'undici')),
  }),
);

export const listTokens: Documentation = {
  id: 'listTokens',
  tag,
  summary: 'List issued tokens',
  description: 'As long as their records are kept. Never a token itself, nor its hash.',
  query: {
    ...pageQuery,
    client_id: text('Only those of this client.', 'billing', { maxLength: 200 }),
    status: oneOf('Only those of this status.', ['active', 'revoked', 'expired']),
  },
  answers: { 200: { description: 'A page of tokens.', schema: pageOfItems('IssuedToken', token) } },
};

export const revokeToken: Documentation = {
  id: 'revokeToken',
  tag,
  summary: 'Revoke a token',
  description: 'The next introspection anywhere says inactive.',
  pathParameters: { jti },
  body: { members: { reason: text('For the audit log.', 'leaked') }, example: { reason: 'leaked' } },
  answers: { 204: { description: 'Revoked.' } },
  problems: [new TokenNotFound()],
};

export const revokeTokensOfClient: Documentation = {
  id: 'revokeTokensOfClient',
  tag,
  summary: 'Revoke all tokens of a client',
  pathParameters: { client_id: clientId },
  body: { members: {}, example: {} },
  answers: {
    200: {
      description: 'How many there were.',
      schema: named(
        'RevokedTokens',
        object<{ revoked: number }>({ revoked: count('Live access tokens that ended.', 3) }),
      ),
    },
  },
  problems: [new ClientNotFound()],
};
