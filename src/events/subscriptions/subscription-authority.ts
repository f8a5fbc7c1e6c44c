import type { Caller } from '../../access/index.js';
import { authorityCovers, bearerChallenge, forbidden, formatScope } from '../../protocol/index.js';
import type { SubscriptionSettings } from './subscription.js';

/**
 * The rule of every write to a subscription (http-api.md "Events", security.md D8, M-23): the caller's token covers the scope of
 * the tokens that the subscription sends, before the write and after it. So nobody has this server send what he could not get
 * himself, and nobody takes over a subscription that sends more.
 *
 * @throws Problem 403 with the challenge of RFC 6750 §3.1, which names what is missing
 */
export function requireAuthority(caller: Caller, { authType, authScope }: SubscriptionSettings): void {
  if (authType === 'none') return;
  const missing = (authScope ?? []).filter((scope) => !authorityCovers(caller.scopes, [scope]));
  if (missing.length === 0) return;
  throw forbidden(
    'the access token does not cover the scope of the tokens that the subscription sends',
    bearerChallenge({ error: 'insufficient_scope', scope: formatScope(missing) }),
  );
}
