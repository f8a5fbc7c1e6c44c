import {
  type Documentation,
  exampleOf,
  extended,
  flag,
  type Headers,
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
import type { KeyAnswer } from './key.answer.js';
import { JustRotated, KeyIsOver, KeyNotFound, NextKeyIsPublished, TooManyKeys } from './keys.errors.js';

const kid = text('RFC 7638 thumbprint of the public key.', 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', {
  pattern: '^[A-Za-z0-9_-]{43}$',
});
const alg = oneOf('What it signs with.', ['RS256', 'ES256']);

const key = named(
  'SigningKey',
  object<KeyAnswer>({
    kid,
    alg,
    status: oneOf('Where it is in its life.', ['pending', 'active', 'retiring', 'retired', 'revoked'], 'active'),
    created_at: time('When it was made.'),
    activated_at: nullable(time('When it began to sign.')),
    expires_at: nullable(time('When it left the JWKS, or will leave it.'), null),
  }),
);

const rotation = named(
  'KeyRotation',
  extended(key, { activates_at: nullable(time('From when on it signs.', '2026-03-01T10:30:00.000Z')) }),
);

const jwk = named('Jwk', {
  ...object(
    {
      kty: oneOf('The type of the key.', ['RSA', 'EC']),
      use: { ...text('What it is for.', 'sig'), const: 'sig' },
      alg,
      kid,
      n: text('Modulus (RSA).', 'sXchRvxJ0vQ'),
      e: text('Exponent (RSA).', 'AQAB'),
      crv: text('Curve (EC).', 'P-256'),
      x: text('Coordinate (EC).', 'f83OJ3D2xF1'),
      y: text('Coordinate (EC).', 'x_FEzRu9m36'),
    },
    ['n', 'e', 'crv', 'x', 'y'],
  ),
});

const pem = '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…\n-----END PUBLIC KEY-----\n';
const entityTag: Headers = { ETag: text('The entity tag.', '"3q2-7w"') };

export const getKeySet: Documentation = {
  id: 'getJwks',
  tag: 'Discovery',
  summary: 'The public keys (RFC 7517)',
  requestHeaders: { 'If-None-Match': text('An entity tag that is known already.', '"3q2-7w"') },
  answers: {
    200: {
      description: 'The keys that tokens may be signed with.',
      schema: named('Jwks', object({ keys: list('The keys.', { ...jwk, examples: [exampleOfRsa()] }) })),
      headers: { ...entityTag, 'Cache-Control': text('How long it may be kept.', 'public, max-age=300') },
    },
    304: { description: 'Unchanged since the entity tag of the request.', headers: entityTag },
  },
};

export const getPublicKey: Documentation = {
  id: 'getPublicKey',
  tag: 'Discovery',
  summary: 'The active public key, for clients that cannot read a JWKS',
  answers: { 200: { description: 'PEM (SPKI).', content: { 'text/plain': text('PEM.', pem) } } },
};

export const listKeys: Documentation = {
  id: 'listKeys',
  tag: 'Keys',
  summary: 'List signing keys',
  query: pageQuery,
  answers: { 200: { description: 'A page of signing keys.', schema: pageOfItems('SigningKey', key) } },
};

export const rotateKeys: Documentation = {
  id: 'rotateKeys',
  tag: 'Keys',
  summary: 'Make the next signing key',
  description: 'It is published at once and signs when verifiers have had the time to read it, or now.',
  body: {
    members: { immediate: { ...flag('Whether it signs now.', false), default: false } },
    example: { immediate: false },
  },
  answers: { 200: { description: 'The new key.', schema: rotation } },
  problems: [new NextKeyIsPublished(new Date('2026-03-01T10:30:00.000Z')), new JustRotated(), new TooManyKeys()],
};

export const revokeKey: Documentation = {
  id: 'revokeKey',
  tag: 'Keys',
  summary: 'Revoke a signing key that may be known to others',
  description: 'It leaves the JWKS at once, and its tokens are inactive.',
  pathParameters: { kid },
  body: {
    members: { reason: text('For the audit log.', 'host compromised') },
    example: { reason: 'host compromised' },
  },
  answers: { 204: { description: 'Revoked.' } },
  problems: [new KeyNotFound(), new KeyIsOver('revoked')],
};

/** With the members of its type. */
function exampleOfRsa(): unknown {
  return { ...(exampleOf(jwk) as object), n: 'sXchRvxJ0vQ', e: 'AQAB' };
}
