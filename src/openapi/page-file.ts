import { createHash } from 'node:crypto';

/** Something that is the same for everybody, kept in memory. */
export interface PageFile {
  readonly mediaType: string;
  readonly content: Buffer;
  /** Strong entity tag (RFC 9110 §8.8.3), quotes included. */
  readonly entityTag: string;
}

export function pageFileOf(mediaType: string, content: Buffer): PageFile {
  return { mediaType, content, entityTag: `"${createHash('sha256').update(content).digest('base64url')}"` };
}
