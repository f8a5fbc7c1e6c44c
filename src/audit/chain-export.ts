import { ConfigurationError } from '../config/index.js';
import {
  associatedData,
  type DerivedKeys,
  DecryptionFailed,
  type KeyWrapper,
  type KeyWrappers,
} from '../encryption/index.js';
import { auditKeyPurpose } from './audit-chain.js';
import type { ChainRecord } from './chain-record.js';
import { checkpointKeyPurpose } from './checkpoint.js';

const format = 'signet-audit-chain';
const keyLength = 32;
const place = associatedData({ table: 'audit_export', id: 'keys', alg: 'HMAC-SHA-256', purpose: 'audit' });

/** The first line of an exported chain: what verifies it, for whoever has the key-encryption key. */
export interface ChainExportHeader {
  readonly format: typeof format;
  readonly v: 1;
  readonly kek_id: string;
  /** The keys of the chain and of its checkpoints, wrapped by the key-encryption key, in base64. */
  readonly keys: string;
}

/** The keys that verify a log. */
export interface AuditKeys {
  readonly chain: Buffer;
  readonly checkpoint: Buffer;
}

/** A line of an export that is not what an export holds; the message says which. */
export class BadExport extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadExport';
  }
}

/** The keys that verify the log of this database. */
export function auditKeys(derivedKeys: DerivedKeys): AuditKeys {
  return { chain: derivedKeys.derive(auditKeyPurpose), checkpoint: derivedKeys.derive(checkpointKeyPurpose) };
}

/** The header of an export that can be verified without the database. */
export async function chainExportHeader(wrapper: KeyWrapper, keys: AuditKeys): Promise<ChainExportHeader> {
  const wrapped = await wrapper.wrap(Buffer.concat([keys.chain, keys.checkpoint]), place);
  return { format, v: 1, kek_id: wrapper.kekId, keys: wrapped.toString('base64') };
}

/**
 * The keys in the first line of an export.
 *
 * @throws BadExport when it is none
 * @throws ConfigurationError when the key-encryption key is another one
 */
export async function openChainExport(line: string, wrappers: KeyWrappers): Promise<AuditKeys> {
  const header = parse(line, 1) as Partial<ChainExportHeader>;
  if (header.format !== format || header.v !== 1 || typeof header.keys !== 'string') {
    throw new BadExport('is no export of the chain (export?format=ndjson&chain=true)');
  }
  const wrapper = await wrappers.find(header.kek_id ?? '');
  const fault = { variable: 'KEY_ENCRYPTION_KEY', message: 'is not the one under which the export was made' };
  if (wrapper === undefined) throw new ConfigurationError([fault]);
  try {
    const keys = await wrapper.unwrap(Buffer.from(header.keys, 'base64'), place);
    return { chain: keys.subarray(0, keyLength), checkpoint: keys.subarray(keyLength) };
  } catch (error) {
    throw error instanceof DecryptionFailed ? new ConfigurationError([fault]) : error;
  }
}

/**
 * A further line of an export.
 *
 * @throws BadExport when it holds no link and no batch
 */
export function readChainLine(line: string, number: number): ChainRecord {
  const record = parse(line, number) as Partial<Record<string, unknown>>;
  const isBatch = typeof record['batch_id'] === 'string' && Array.isArray(record['entries']);
  const isLink =
    typeof record['seq'] === 'number' && typeof record['prev'] === 'string' && typeof record['mac'] === 'string';
  if (!isBatch && !isLink) throw new BadExport(`line ${number} is neither a link nor a batch`);
  return record as unknown as ChainRecord;
}

function parse(line: string, number: number): object {
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new BadExport(`line ${number} is not a JSON object`);
}
