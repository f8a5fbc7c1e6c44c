import { parseStrictJson } from '../strict-json.js';
import { decodeBase64Url } from './base64url.js';
import { isCompactJws } from './compact-jws.js';

/** The parts of a JWT, of which nothing is believed yet. */
export interface DecodedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the signature is over: the first two parts (RFC 7515 §5.2). */
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

/**
 * Takes a JWS in compact serialization of at most 16 KiB apart (RFC 7515 §7.1), whose payload is a JSON object (RFC 7519 §7.2):
 * canonical base64url, and strict JSON in header and payload (RFC 8725bis §3.7).
 *
 * @returns `undefined` for what is none
 */
export function decodeJws(text: string): DecodedJws | undefined {
  if (!isCompactJws(text)) return undefined;
  const [head = '', body = '', tail = ''] = text.split('.');
  const header = decodeObject(head);
  const claims = decodeObject(body);
  const signature = decodeBase64Url(tail);
  if (header === undefined || claims === undefined || signature === undefined) return undefined;
  return {
    header,
    claims,
    signingInput: Buffer.from(text.slice(0, head.length + 1 + body.length), 'latin1'),
    signature,
  };
}

function decodeObject(part: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(part);
  if (bytes === undefined) return undefined;
  try {
    const value = parseStrictJson(bytes);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
