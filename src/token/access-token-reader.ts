import { verify } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type VerificationKey, VerificationKeys } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims, isCompactJws } from '../protocol/index.js';

/** An access token of this server whose signature holds and which has not expired. Whether it is live, the database knows. */
export interface ReadAccessToken {
  readonly claims: AccessTokenClaims;
  /** The claims as they stand in the token. */
  readonly json: string;
}

/** Header segments that are remembered; there is one for each key. */
const maxHeaders = 64;

/** The form of every `kid` of ours (RFC 7638). */
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

/** Reads access tokens of this server that somebody asks about. */
@Injectable()
export class AccessTokenReader {
  private readonly kidOfHeader = new Map<string, string>();

  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(VerificationKeys) private readonly keys: VerificationKeys,
  ) {}

  /**
   * The token's claims, once its signature has been verified by the published key that its `kid` names, with the one algorithm
   * of that key (RFC 7662 §4, RFC 8725 §3.1); nothing in it is believed before. `undefined` for anything else.
   *
   * @throws DatabaseUnavailable when the `kid` is unknown and the keys cannot be read
   */
  async read(token: string): Promise<ReadAccessToken | undefined> {
    if (!isCompactJws(token)) return undefined;
    const headerEnd = token.indexOf('.');
    const payloadEnd = token.lastIndexOf('.');
    const key = await this.keyFor(token.slice(0, headerEnd));
    if (key === undefined) return undefined;
    const signature = Buffer.from(token.slice(payloadEnd + 1), 'base64url');
    const signed = Buffer.from(token.slice(0, payloadEnd), 'latin1');
    const publicKey = key.alg === 'ES256' ? { key: key.publicKey, dsaEncoding: 'ieee-p1363' as const } : key.publicKey;
    if (!verify('sha256', signed, publicKey, signature)) return undefined;
    const json = Buffer.from(token.slice(headerEnd + 1, payloadEnd), 'base64url').toString();
    const claims = JSON.parse(json) as AccessTokenClaims;
    // Whether it has expired the database says, which every process asks.
    return claims.iss === this.server.issuer ? { claims, json } : undefined;
  }

  /** All tokens of a key have the same header; one that reads otherwise was not signed here. */
  private async keyFor(header: string): Promise<VerificationKey | undefined> {
    const known = this.kidOfHeader.get(header);
    const kid = known ?? kidOf(header);
    if (kid === undefined) return undefined;
    const key = this.keys.byKid(kid) ?? (await this.keys.find(kid));
    // A kid is the thumbprint of one key of one algorithm: what was found right once stays right.
    if (known !== undefined || key === undefined) return key;
    if (header !== headerOf(key.alg, kid)) return undefined;
    if (this.kidOfHeader.size >= maxHeaders) this.kidOfHeader.clear();
    this.kidOfHeader.set(header, kid);
    return key;
  }
}

function headerOf(alg: string, kid: string): string {
  return Buffer.from(JSON.stringify({ alg, typ: ACCESS_TOKEN_TYPE, kid })).toString('base64url');
}

/** The `kid` of a header segment that could be ours. */
function kidOf(header: string): string | undefined {
  try {
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid?: unknown };
    return typeof kid === 'string' && thumbprint.test(kid) ? kid : undefined;
  } catch {
    return undefined;
  }
}
