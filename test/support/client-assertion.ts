import { randomUUID } from 'node:crypto';
import { jwsPart, type ProofAlgorithm, proofKey, signParts } from './dpop.js';
import type { TestServer } from './server.js';

/** `client_assertion_type` of RFC 7523 §2.2. */
export const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** A client that authenticates with `private_key_jwt`, and its key. */
export interface KeyedClient {
  readonly client_id: string;
  readonly key: ReturnType<typeof proofKey>;
  /** The key as it is registered, with its `kid`. */
  readonly jwk: Record<string, unknown>;
}

/** What an assertion says beside or instead of the usual; a member that is `undefined` is left out. */
export interface AssertionMembers {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

/** Registers a client with one key. */
export async function keyedClient(
  server: TestServer,
  algorithm: ProofAlgorithm = 'RS256',
  members: Record<string, unknown> = {},
): Promise<KeyedClient> {
  const key = proofKey(algorithm);
  const jwk = { ...key.jwk, kid: randomUUID(), alg: algorithm, use: 'sig' };
  const { client_id } = await server.createClient({
    client_name: 'K',
    token_endpoint_auth_method: 'private_key_jwt',
    scope: 'read:profile',
    jwks: { keys: [jwk] },
    ...members,
  });
  return { client_id, key, jwk };
}

/** An assertion of the client for the server (RFC 7523 §3), new each time. */
export function assertionOf(
  { client_id, key, jwk }: KeyedClient,
  audience: string,
  { header, claims }: AssertionMembers = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  return signParts(
    `${jwsPart({ alg: key.algorithm, kid: jwk['kid'], ...header })}.${jwsPart({
      iss: client_id,
      sub: client_id,
      aud: audience,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
      ...claims,
    })}`,
    key,
  );
}

/** `POST /oauth/token` with an assertion. */
export function requestWith(
  server: Pick<TestServer, 'fetch'>,
  client_assertion: string,
  parameters: Record<string, string> = {},
): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: jwtBearer,
    client_assertion,
    ...parameters,
  });
  return server.fetch('/oauth/token', { method: 'POST', body });
}
