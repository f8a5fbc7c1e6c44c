import type { SigningKey } from './signing-key.js';

/** A signing key as the admin API shows it (http-api.md "Admin"). */
export type KeyAnswer = ReturnType<typeof keyAnswer>;

/** The answer to a rotation: the key that signs next, or now, and from when on it does. */
export type RotationAnswer = KeyAnswer & { readonly activates_at: string | null };

/** `expires_at`: when the key left the JWKS or, if it signs no more, will leave it at the latest. */
export function keyAnswer({ kid, alg, status, createdAt, activatedAt, expiresAt }: SigningKey) {
  return {
    kid,
    alg,
    status,
    created_at: createdAt.toISOString(),
    activated_at: activatedAt?.toISOString() ?? null,
    expires_at: expiresAt?.toISOString() ?? null,
  };
}

export function rotationAnswer(key: SigningKey): RotationAnswer {
  return { ...keyAnswer(key), activates_at: (key.activatedAt ?? key.activatesAt)?.toISOString() ?? null };
}
