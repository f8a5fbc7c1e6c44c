import type { SigningAlg, SigningKey } from './signing-key.js';

const minute = 60_000;
const day = 86_400_000;

/** Publication before the first signature when somebody rotates: twice the `max-age` of the JWKS, and 5 minutes. */
export const manualLeadMs = 15 * minute;

/** The same when the keys rotate by themselves: verifiers that keep a JWKS for hours have the key by then. */
export const automaticLeadMs = day;

/** How long a key stays published when the last token that it signed has expired. */
export const graceMs = 10 * minute;

/** How long after its last signature a token may live: the longest `access_token_ttl_seconds`. */
const longestTokenMs = day;

/** From when on a key that has ceased to sign signs nowhere any more, and how long it is then looked at what it has signed. */
const silentAfterMs = minute;
const measuredForMs = 10 * minute;

/** A key that began to sign by hand is not replaced by hand for this long: twenty requests at once are one rotation. */
const settleMs = 2_000;

/** Most keys in the JWKS (security.md K-21). */
const maxPublished = 4;

/** What decides beside the keys. */
export interface KeyLifeSettings {
  readonly signingAlg: SigningAlg;
  /** Days for which a key signs; 0 = no automatic rotation. */
  readonly rotationDays: number;
}

/** One change of the keys. */
export type KeyStep =
  /** A new key of `alg` is published, and signs from `activatesAt` (milliseconds since the epoch) on. */
  | { readonly kind: 'publish'; readonly alg: SigningAlg; readonly activatesAt: number }
  /** A published key begins to sign; the one that did so for its algorithm ceases. */
  | { readonly kind: 'activate'; readonly kid: string; readonly alg: SigningAlg }
  /** A key whose algorithm is no longer used ceases to sign, without a successor. */
  | { readonly kind: 'cease'; readonly kid: string }
  /** `expiresAt` becomes what the tokens that the key has signed say. */
  | { readonly kind: 'measure'; readonly kid: string }
  /** The key leaves the JWKS, and its private part is destroyed. */
  | { readonly kind: 'retire'; readonly kid: string };

/** What a rotation by hand does, or why there is none now. */
export type RotationByHand =
  /** A new key is published, and signs from `activatesAt` (milliseconds since the epoch) on. */
  | { readonly kind: 'publish'; readonly activatesAt: number }
  /** Another key begins to sign at once: the published one, else a new one. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'pending'; readonly activatesAt: number }
  | { readonly kind: 'unsettled' }
  | { readonly kind: 'full' };

/**
 * What is due at `now`. Whoever runs it late makes up for what was missed by one step of each kind, never by a shorter
 * publication: a key signs no earlier than its own `activatesAt`, and that is counted from when it was published.
 *
 * @param keys every key that is pending, active or retiring
 * @param now milliseconds since the epoch
 */
export function dueSteps(keys: readonly SigningKey[], now: number, settings: KeyLifeSettings): KeyStep[] {
  const retire = keys.filter((key) => key.status === 'retiring' && isPast(key.expiresAt, now));
  const rest = keys.filter((key) => !retire.includes(key));
  const publish = publication(rest, now, settings);
  return [
    ...retire.map(({ kid }) => ({ kind: 'retire', kid }) as const),
    ...rest
      .filter((key) => key.status === 'pending' && signsFrom(key) <= now)
      .map(({ kid, alg }) => ({ kind: 'activate', kid, alg }) as const),
    ...rest.filter((key) => isUnused(key, rest, now, settings)).map(({ kid }) => ({ kind: 'cease', kid }) as const),
    ...rest.filter((key) => isMeasurable(key, now)).map(({ kid }) => ({ kind: 'measure', kid }) as const),
    ...(publish === undefined ? [] : [publish]),
  ];
}

/**
 * A rotation to a key of `signingAlg` by hand, at `now`.
 *
 * @param immediate not to wait for {@link manualLeadMs}, although verifiers with a cached JWKS do not know the key then
 */
export function rotationByHand(
  keys: readonly SigningKey[],
  now: number,
  { signingAlg }: KeyLifeSettings,
  immediate: boolean,
): RotationByHand {
  const own = keys.filter(({ alg }) => alg === signingAlg);
  const pending = own.find(({ status }) => status === 'pending');
  if (pending !== undefined && !immediate) return { kind: 'pending', activatesAt: signsFrom(pending) };
  const replaced = own.some(({ retiringAt }) => retiringAt !== null && Math.abs(now - retiringAt.getTime()) < settleMs);
  if (immediate && replaced) return { kind: 'unsettled' };
  if (pending === undefined && keys.length >= maxPublished) return { kind: 'full' };
  return immediate ? { kind: 'begin' } : { kind: 'publish', activatesAt: now + manualLeadMs };
}

/** When a key that ceases to sign at `now` leaves the JWKS, whatever it has signed. */
export function latestExpiry(now: number): number {
  return now + longestTokenMs + graceMs;
}

/** Whether a key that is revoked leaves a gap: one that signs must take its place. */
export function leavesGap(keys: readonly SigningKey[], revoked: SigningKey, settings: KeyLifeSettings): boolean {
  if (revoked.status !== 'active') return false;
  const others = keys.some(({ kid, status }) => status === 'active' && kid !== revoked.kid);
  return revoked.alg === settings.signingAlg || !others;
}

/** The next key in time for `rotationDays`; or one of the configured algorithm where others sign in its place. */
function publication(keys: readonly SigningKey[], now: number, settings: KeyLifeSettings): KeyStep | undefined {
  const { signingAlg: alg, rotationDays } = settings;
  const own = keys.filter((key) => key.alg === alg);
  const active = own.find(({ status }) => status === 'active');
  if (own.some(({ status }) => status === 'pending') || keys.length >= maxPublished) return undefined;
  if (active === undefined) {
    const othersSign = keys.some(({ status }) => status === 'active');
    return othersSign ? { kind: 'publish', alg, activatesAt: now + manualLeadMs } : undefined;
  }
  const end = endOfDays(active, rotationDays);
  if (end === undefined || now < end - automaticLeadMs) return undefined;
  return { kind: 'publish', alg, activatesAt: Math.max(end, now + automaticLeadMs) };
}

function isUnused(key: SigningKey, keys: readonly SigningKey[], now: number, settings: KeyLifeSettings): boolean {
  if (key.status !== 'active' || key.alg === settings.signingAlg) return false;
  const end = endOfDays(key, settings.rotationDays);
  const succeeded = keys.some(({ status, alg }) => status === 'active' && alg === settings.signingAlg);
  return succeeded && end !== undefined && now >= end;
}

function isMeasurable({ status, retiringAt, expiresAt }: SigningKey, now: number): boolean {
  if (status !== 'retiring' || retiringAt === null) return false;
  const since = now - retiringAt.getTime();
  const unmeasured = expiresAt === null || expiresAt.getTime() === latestExpiry(retiringAt.getTime());
  return unmeasured && since >= silentAfterMs && since < silentAfterMs + measuredForMs;
}

function endOfDays({ activatedAt, createdAt }: SigningKey, rotationDays: number): number | undefined {
  return rotationDays === 0 ? undefined : (activatedAt ?? createdAt).getTime() + rotationDays * day;
}

/** Never sooner than a rotation by hand would let it, whatever the row says. */
function signsFrom({ createdAt, activatesAt }: SigningKey): number {
  return Math.max(activatesAt?.getTime() ?? createdAt.getTime() + automaticLeadMs, createdAt.getTime() + manualLeadMs);
}

function isPast(time: Date | null, now: number): boolean {
  return time !== null && time.getTime() <= now;
}
