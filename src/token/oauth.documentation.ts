import {
  count,
  type Documentation,
  flag,
  list,
  type MemberSchemas,
  mapOf,
  named,
  object,
  oneOf,
  type Schema,
  text,
} from '../openapi/index.js';

const tag = 'OAuth';
const clientId = text('The client.', 'billing');
const scope = text('Space-delimited.', 'read:profile');

/** How a client proves itself in the form, where it does so neither by header nor by certificate. */
const clientAuthentication: MemberSchemas<Record<string, Schema>> = {
  client_id: text('For `client_secret_post`, and beside a certificate.', 'billing'),
  client_secret: text('For `client_secret_post`; stands in for HTTP Basic.', 'signet_cs_…'),
  client_assertion_type: {
    const: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    description: 'RFC 7523 §2.2.',
  },
  client_assertion: text(
    'A JWT of the client, for `private_key_jwt`; its `aud` is the issuer.',
    'eyJhbGciOiJFUzI1NiJ9…',
  ),
};

/** A form of these parameters; others are ignored (RFC 6749 §3.2). */
function form(required: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>>): Schema {
  return {
    type: 'object',
    required: Object.keys(required),
    properties: { ...required, ...optional, ...clientAuthentication },
  };
}

const proof = text(
  'A proof that the client holds the key that the token is to be bound to (RFC 9449 §5).',
  'eyJ0eXAiOiJkcG9wK2p3dCJ9…',
);

const tokenForm = form(
  { grant_type: oneOf('The grant.', ['client_credentials', 'refresh_token']) },
  {
    scope: text('What is asked for, space-delimited; absent: all that the client may have.', 'read:profile'),
    resource: list(
      'Whom the token is for (RFC 8707); `audience` is a synonym.',
      text('An absolute URI.', 'https://api.example.com'),
    ),
    audience: list('A synonym of `resource`.', text('An absolute URI.', 'https://api.example.com')),
    refresh_token: text('For the grant `refresh_token`: used once, a new one comes with the answer.', 'signet_rt_…'),
  },
);

const tokenResponse = named(
  'TokenResponse',
  object<Record<'access_token' | 'token_type' | 'expires_in' | 'scope' | 'refresh_token', unknown>>(
    {
      access_token: text('A JWT (RFC 9068).', 'eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi….MEUCIQ…'),
      token_type: oneOf('How it is sent.', ['Bearer', 'DPoP']),
      expires_in: count('Seconds that it lives.', 300),
      scope,
      refresh_token: text('Where the client has that grant.', 'signet_rt_…'),
    },
    ['refresh_token'],
  ),
);

const introspection = named('Introspection', {
  ...object(
    {
      active: flag('Whether it is live, and the client may know.', true),
      token_type: oneOf('Absent where inactive, as all that follows.', ['Bearer', 'DPoP', 'refresh_token']),
      iss: text('The issuer.', 'https://auth.example.com'),
      sub: clientId,
      client_id: clientId,
      aud: {
        description: 'Whom it is for.',
        anyOf: [
          text('One.', 'https://api.example.com'),
          list('Several.', text('One of them.', 'https://api.example.com')),
        ],
      },
      iat: count('When it was issued, in seconds since 1970.', 1_772_357_400),
      exp: count('When it expires.', 1_772_357_700),
      jti: text('Names it.', '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d'),
      scope,
      cnf: mapOf('What it is bound to (RFC 7800).', text('A thumbprint.', ''), {
        jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
      }),
    },
    ['token_type', 'iss', 'sub', 'client_id', 'aud', 'iat', 'exp', 'jti', 'scope', 'cnf'],
  ),
  examples: [
    {
      active: true,
      token_type: 'Bearer',
      iss: 'https://auth.example.com',
      sub: 'billing',
      client_id: 'billing',
      aud: 'https://api.example.com',
      iat: 1_772_357_400,
      exp: 1_772_357_700,
      jti: '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d',
      scope: 'read:profile',
    },
  ],
});

const tokenParameter = form(
  { token: text('An access token or a refresh token.', 'eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi….MEUCIQ…') },
  { token_type_hint: oneOf('Not needed.', ['access_token', 'refresh_token']) },
);

export const requestToken: Documentation = {
  id: 'requestToken',
  tag,
  summary: 'Get a token (RFC 6749 §3.2)',
  description:
    'One scope or resource that is not allowed fails the whole request. The client authenticates as it is registered.',
  requestHeaders: { DPoP: proof },
  form: tokenForm,
  answers: { 200: { description: 'A token, durably recorded.', schema: tokenResponse } },
};

export const introspectToken: Documentation = {
  id: 'introspectToken',
  tag,
  summary: 'Ask whether a token is live (RFC 7662)',
  description:
    'A client may ask about its own tokens, about those for one of its `resource_identifiers`, and with the scope `oauth:introspect` about any. Everything else is inactive to it.',
  form: tokenParameter,
  answers: { 200: { description: 'What the client may know of it now.', schema: introspection } },
};

export const revokeOwnToken: Documentation = {
  id: 'revokeOwnToken',
  tag,
  summary: "Revoke one's own token (RFC 7009)",
  description: 'A refresh token ends with all that came of it. A token of another client is left untouched.',
  form: tokenParameter,
  answers: { 200: { description: 'It is inactive from now on, or there was nothing to revoke.' } },
};
