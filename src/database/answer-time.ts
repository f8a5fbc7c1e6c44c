/**
 * How long a database is waited for on behalf of somebody who waits for an answer, in milliseconds: one that has not answered by
 * then counts as away, and the 503 leaves within 5 seconds (security.md T-23).
 */
export const answerWithinMs = 4_000;
