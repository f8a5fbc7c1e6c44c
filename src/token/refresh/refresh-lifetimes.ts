const daySeconds = 86_400;

/** Lifetimes of refresh tokens (security.md D4). */
export const refreshLifetimes = {
  /** How long a token may lie unused, unless its client has a time of its own. */
  idleSeconds: 7 * daySeconds,
  /** How long after its first token a family ends, however often it was renewed. */
  absoluteSeconds: 30 * daySeconds,
  /** How long a family is kept after that, for those who ask what happened. */
  keptSeconds: 7 * daySeconds,
} as const;
