import { authorityCovers, bearerChallenge, forbidden, formatScope } from '../protocol/index.js';
import type { ClientSettings } from './client.js';

/** The part of a client that gives power. */
type ClientPower = Pick<ClientSettings, 'scope' | 'resourceIdentifiers'>;

/**
 * The scopes that a client stands for: those it may ask for; one that serves this server's own API may introspect every
 * administrator's token, and counts as `admin:full`. Tokens that are meant for this server open nothing here without a scope.
 *
 * @param issuer identifier of this server
 */
export function powerOf(client: ClientPower, issuer: string): readonly string[] {
  return client.resourceIdentifiers.includes(issuer) ? [...client.scope, 'admin:full'] : client.scope;
}

/**
 * The rule of every write to a client (http-api.md "Authority", security.md D8): the caller's token covers all that the client
 * may do, before the write and after it. So a weaker admin can neither make nor take over a stronger client.
 *
 * @param before `undefined` for a new client
 * @param after `undefined` where the write does not change what it may do
 * @throws Problem 403 with the challenge of RFC 6750 §3.1, which names what is missing
 */
export function requireAuthority(
  callerScopes: readonly string[],
  issuer: string,
  before: ClientPower | undefined,
  after: ClientPower | undefined,
): void {
  const needed = [before, after].flatMap((client) => (client === undefined ? [] : powerOf(client, issuer)));
  const missing = [...new Set(needed)].filter((scope) => !authorityCovers(callerScopes, [scope]));
  if (missing.length === 0) return;
  throw forbidden(
    'the access token does not cover all that the client may do',
    bearerChallenge({ error: 'insufficient_scope', scope: formatScope(missing) }),
  );
}
