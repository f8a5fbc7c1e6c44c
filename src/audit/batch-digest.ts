import { canonicalJson } from './canonical-json.js';
import { issuedTokensDigest } from './issued-tokens-digest.js';
import type { StoredEntry } from './stored-entry.js';

/**
 * The digest of a batch of issued tokens as the log has it now.
 *
 * @returns in hex; `undefined` when one of the entries is not that of an issued token
 */
export function storedBatchDigest(entries: readonly StoredEntry[]): string | undefined {
  const issued = entries.flatMap((entry) => {
    const { id, actor_client_id: actorClientId, target_id: targetId } = entry;
    const isWhole = entry.occurred_at.endsWith('.000000Z');
    if (entry.action !== 'token.issued' || !entry.success || entry.error !== null || !isWhole) return [];
    if (entry.target_type !== 'token' || targetId !== id || actorClientId === null) return [];
    return [
      {
        id,
        issuedAt: Date.parse(entry.occurred_at) / 1000,
        actorClientId,
        ipAddress: entry.ip_address ?? undefined,
        userAgent: entry.user_agent ?? undefined,
        requestId: entry.request_id ?? undefined,
        details: canonicalJson(entry.details),
      },
    ];
  });
  return issued.length === entries.length ? issuedTokensDigest(issued).toString('hex') : undefined;
}
