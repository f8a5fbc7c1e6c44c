import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { KeyRing } from '../../src/keys/index.js';
import { accessTokenClaims } from '../../src/protocol/index.js';
import type { TestServer } from './server.js';

/** What a test says of a token; the rest is as the server has it. */
export interface TokenContents {
  readonly clientId: string;
  readonly audience: string;
  readonly scope: readonly string[];
  /** Seconds since the epoch; the token lives for 600 of them. */
  readonly issuedAt: number;
}

/**
 * A token signed with the server's own key, without a record, as the server would have issued it at another time.
 *
 * @param members claims beside or instead of the usual ones
 */
export async function signAsServer(server: TestServer, contents: TokenContents, members: object = {}): Promise<string> {
  const key = server.running.app.get(KeyRing).current();
  const claims = accessTokenClaims({
    ...contents,
    issuer: server.issuer,
    subject: contents.clientId,
    lifetimeSeconds: 600,
    jti: randomUUID(),
  });
  const input = `${key.header}.${Buffer.from(JSON.stringify({ ...claims, ...members })).toString('base64url')}`;
  return `${input}.${await key.sign(input)}`;
}

/**
 * A token of the server with other claims, signed by it once more: its record stays what it was.
 *
 * @param members claims beside or instead of those that it has
 */
export async function signAgain(server: TestServer, token: string, members: object): Promise<string> {
  const [header = ''] = token.split('.');
  const input = `${header}.${Buffer.from(JSON.stringify({ ...decodeJwt(token), ...members })).toString('base64url')}`;
  return `${input}.${await server.running.app.get(KeyRing, { strict: false }).current().sign(input)}`;
}
