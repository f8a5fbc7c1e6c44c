import { hash } from 'node:crypto';
import ipaddr from 'ipaddr.js';

/** What the audit log says of an issued token, in so far as it differs between tokens. */
export interface IssuedTokenEntry {
  /** The `jti`, which is also the id and the target of the entry. */
  readonly id: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly actorClientId: string;
  readonly ipAddress: string | undefined;
  readonly userAgent: string | undefined;
  readonly requestId: string | undefined;
  /** `canonicalJson` of the details; to be computed once for the tokens that share them. */
  readonly details: string;
}

/**
 * The digest of a batch of issued tokens as the audit log stores them, whatever their order (security.md D12): SHA-256 over one
 * line per entry, sorted by id. The chain holds the digest in place of the entries, and verifying computes it again from the
 * rows with this `batch_id`.
 *
 * Costs about two microseconds per token. Cheapest is one batch, and so one row of `token_batches`, per commit.
 *
 * @returns 32 bytes
 */
export function issuedTokensDigest(entries: readonly IssuedTokenEntry[]): Buffer {
  const sorted = entries.length < 2 ? entries : entries.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  let text = '';
  for (const entry of sorted) text += lineOf(entry);
  return hash('sha256', text, 'buffer');
}

function lineOf({ id, issuedAt, actorClientId, ipAddress, userAgent, requestId, details }: IssuedTokenEntry): string {
  const address = ipAddress === undefined ? null : addressBytes(ipAddress);
  const members = [id, issuedAt, actorClientId, address, userAgent ?? null, requestId ?? null];
  return `${JSON.stringify(members)} ${details}\n`;
}

const maxKnown = 1_000;
const known = new Map<string, string>();

/** An address by its bytes, in hex: PostgreSQL gives some back in another spelling. */
function addressBytes(address: string): string {
  const before = known.get(address);
  if (before !== undefined) return before;
  // The library takes `::10.0.0.1` for `::ffff:10.0.0.1`; they are two addresses (RFC 4291 §2.5.5).
  const whole = address.replace(/^::(?=\d+\.)/, '0:0:0:0:0:0:');
  const bytes = Buffer.from(ipaddr.parse(whole).toByteArray()).toString('hex');
  if (known.size >= maxKnown) known.clear();
  known.set(address, bytes);
  return bytes;
}
