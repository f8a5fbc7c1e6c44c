import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** Name of the key that signs checkpoints; another one than that of the chain. */
export const checkpointKeyPurpose = 'audit-checkpoint-v1';

/** The chain at one moment, to be kept where whoever writes to the database cannot reach it. */
export interface Checkpoint {
  /** Version of the format. */
  readonly v: 1;
  /** The last link, and its MAC in hex. */
  readonly seq: number;
  readonly mac: string;
  /** Entries that the chain covers up to there. */
  readonly entries: number;
  /** RFC 3339 in UTC. */
  readonly at: string;
}

/** A checkpoint that cannot be believed; the message says why. */
export class BadCheckpoint extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadCheckpoint';
  }
}

/** A line that is no JSON: a write that was cut short, by a full disk or a loss of power. It says nothing. */
export class TornCheckpoint extends BadCheckpoint {
  constructor() {
    super('is not JSON');
    this.name = 'TornCheckpoint';
  }
}

/** The checkpoint as one line of JSON with its signature: HMAC-SHA-256 over its canonical JSON, in hex. */
export function signCheckpoint(key: Buffer, checkpoint: Checkpoint): string {
  return JSON.stringify({ ...checkpoint, signature: signatureOf(key, checkpoint) });
}

/**
 * Reads a line that {@link signCheckpoint} has written.
 *
 * @throws TornCheckpoint when it is no JSON
 * @throws BadCheckpoint when it is malformed otherwise, or not signed with this key
 */
export function readCheckpoint(key: Buffer, line: string): Checkpoint {
  const { signature, ...checkpoint } = parse(line);
  const expected = Buffer.from(signatureOf(key, checkpoint), 'hex');
  const given = Buffer.from(signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new BadCheckpoint('was not signed by this server, or was changed');
  }
  return checkpoint;
}

function parse(line: string): Checkpoint & { readonly signature: string } {
  let found: Partial<Record<string, unknown>> | null;
  try {
    found = JSON.parse(line) as Partial<Record<string, unknown>> | null;
  } catch {
    throw new TornCheckpoint();
  }
  const { v, seq, mac, entries, at, signature } = found ?? {};
  const numbers = typeof seq === 'number' && typeof entries === 'number';
  const texts = typeof mac === 'string' && typeof at === 'string' && typeof signature === 'string';
  if (v !== 1 || !numbers || !texts) throw new BadCheckpoint('is not a checkpoint');
  return { v, seq, mac, entries, at, signature };
}

function signatureOf(key: Buffer, { v, seq, mac, entries, at }: Checkpoint): string {
  return createHmac('sha256', key).update(canonicalJson({ v, seq, mac, entries, at })).digest('hex');
}
