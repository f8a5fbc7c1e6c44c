/** Algorithms that access tokens can be signed with (RFC 7518 §3.1). */
export type SigningAlg = 'RS256' | 'ES256';

/** Where a key is in its life: published from `pending` to `retiring`, signing only while `active`. */
export type SigningKeyStatus = 'pending' | 'active' | 'retiring' | 'retired' | 'revoked';

/** A signing key as anyone may know it; its private part is not in here. */
export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string;
  /** The one algorithm that it is used with (RFC 8725 §3.1). */
  readonly alg: SigningAlg;
  readonly status: SigningKeyStatus;
  readonly createdAt: Date;
  /** When a pending key begins to sign, at the earliest. */
  readonly activatesAt: Date | null;
  /** When it began to sign. */
  readonly activatedAt: Date | null;
  /** When it ceased to sign. */
  readonly retiringAt: Date | null;
  /** When it left the JWKS, or will leave it. */
  readonly expiresAt: Date | null;
}

/** The form of every `kid` that this server makes: SHA-256 in base64url (RFC 7638). */
export function isKid(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** The states in which a key is in the JWKS, in the order in which they are listed there. */
export const publishedStatuses = ['active', 'pending', 'retiring'] as const satisfies readonly SigningKeyStatus[];
