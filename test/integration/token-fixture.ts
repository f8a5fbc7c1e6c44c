import { createHash, randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { AccessTokenRecord } from '../../src/token/access-token-record.js';
import { type TokenTerms, tokenTerms } from '../../src/token/token-terms.js';

/** Inserts an active client, at version 5 and epoch 3. */
export async function addClient(dataSource: DataSource): Promise<string> {
  const clientId = `client-${randomUUID()}`;
  await dataSource.query(
    `INSERT INTO clients (client_id, version, token_epoch, client_name, grant_types, token_endpoint_auth_method, scope,
       audience, resource_identifiers, allowed_networks, contacts, metadata)
     VALUES ($1, 5, 3, 'A client', '{}', 'client_secret_basic', '{}', '{}', '{}', '{}', '{}', '{}')`,
    [clientId],
  );
  return clientId;
}

/** Inserts a key that may sign. */
export async function addKey(dataSource: DataSource, status = 'retiring'): Promise<string> {
  const kid = `key-${randomUUID()}`;
  await dataSource.query(
    `INSERT INTO signing_keys (kid, alg, status, public_jwk, retiring_at) VALUES ($1, 'RS256', $2, '{}', now() + interval '1 hour')`,
    [kid, status],
  );
  return kid;
}

/** Terms for such a client. */
export function termsFor(clientId: string, members: Partial<TokenTerms> = {}): TokenTerms {
  return tokenTerms({
    grantType: 'client_credentials',
    clientId,
    clientVersion: '5',
    registryVersion: '1',
    scope: ['read:profile'],
    audience: 'https://api.example.com',
    lifetimeSeconds: 600,
    ...members,
  });
}

/** The record of a token that is issued now. */
export function tokenRecord(
  terms: TokenTerms,
  kid: string,
  members: Partial<AccessTokenRecord> = {},
): AccessTokenRecord {
  const jti = randomUUID();
  return {
    jti,
    tokenHash: createHash('sha256').update(jti).digest('hex'),
    kid,
    issuedAt: Math.floor(Date.now() / 1000),
    terms,
    origin: { ipAddress: '192.0.2.1', userAgent: 'test/1', requestId: 'request-1' },
    ...members,
  };
}
