import { bearerChallenge, unauthorized } from '../protocol/index.js';
import type { Caller } from './caller.js';
import type { TokenStatus } from './ports.js';

/**
 * Asks again what the guard asked when the request came: for one that has waited since.
 *
 * @throws Problem 401 when the caller's token has ended meanwhile
 * @throws DatabaseUnavailable when that cannot be known
 */
export async function confirmCaller(tokens: TokenStatus, { jti, expiresAt }: Caller): Promise<void> {
  if (await tokens.isActive(jti, expiresAt)) return;
  throw unauthorized(bearerChallenge({ error: 'invalid_token' }));
}
