import type { ClientSnapshot } from '../../clients/index.js';
import {
  type Confirmation,
  formatScope,
  invalidDpopProof,
  invalidGrant,
  invalidTarget,
  isOwnScope,
  resolveAudience,
  resolveScope,
  scopeCovers,
} from '../../protocol/index.js';
import type { RefreshFamily, RefreshGrant } from './refresh-decision.js';

/** What is asked of a family, and what its client may have now. */
export interface RefreshQuestion {
  readonly family: RefreshGrant;
  readonly client: Pick<ClientSnapshot, 'scope' | 'audience'>;
}

/**
 * The scope of a renewed access token (RFC 6749 §6): what the family was granted, or a part of it that was asked for; and all
 * of it the client may still have (security.md R-07).
 *
 * @param asked value of the request's `scope`
 * @throws OAuthError `invalid_scope`
 */
export function refreshedScope(
  { family, client }: RefreshQuestion,
  asked: string | undefined,
  isRegistered: (name: string) => boolean,
): string[] {
  const scope = resolveScope({ asked, allowed: family.scope, isRegistered });
  // To ask for no scope is to ask for nothing here, not for the default.
  return scope.length === 0 ? [] : resolveScope({ asked: formatScope(scope), allowed: client.scope, isRegistered });
}

/**
 * The `aud` of a renewed access token: as with the scope, what the family was granted or a part of it, and still allowed for
 * the client (RFC 8707 §2.2).
 *
 * @param asked values of the request's `resource`
 * @throws OAuthError `invalid_target`
 */
export function refreshedAudience(
  { family, client }: RefreshQuestion,
  asked: readonly string[],
  issuer: string,
): string | string[] {
  if (asked.length > 0) {
    const audience = resolveAudience({ asked, client, issuer });
    if (asked.every((resource) => family.audience.includes(resource))) return audience;
    throw invalidTarget('a resource is not part of what was granted');
  }
  const others = family.audience.filter((resource) => !isByDefault(resource, client, issuer));
  if (others.length > 0) resolveAudience({ asked: others, client, issuer });
  const [first] = family.audience;
  return first !== undefined && family.audience.length === 1 ? first : [...family.audience];
}

/**
 * What is left of a family's grant when it is used while its client may have less than that: the rest never comes back,
 * whatever the client may have later (security.md R-07). What a request just does not ask for is left (RFC 6749 §6).
 *
 * @returns `undefined` while nothing is lost
 */
export function narrowedGrant({ family, client }: RefreshQuestion, issuer: string): RefreshGrant | undefined {
  const scope = new Set(family.scope.flatMap((granted) => allowedPart(granted, client.scope)));
  const mayAskForIssuer = client.scope.some(isOwnScope);
  const audience = family.audience.filter(
    (resource) => isByDefault(resource, client, issuer) || (resource === issuer && mayAskForIssuer),
  );
  const isWhole = family.scope.every((granted) => scope.has(granted)) && audience.length === family.audience.length;
  return isWhole ? undefined : { scope: [...scope], audience };
}

/** Of a scope that was granted, itself or else whatever it covers of what is allowed. */
function allowedPart(granted: string, allowed: readonly string[]): string[] {
  if (allowed.some((one) => scopeCovers(one, granted))) return [granted];
  // A wildcard covers no other one by name, though it does all that is under it.
  return allowed.filter((one) => scopeCovers(granted, one.replace(/:\*$/, ':any')));
}

/** What the client gets by default it need not be allowed to ask for: the issuer, for one without an audience. */
function isByDefault(resource: string, client: Pick<ClientSnapshot, 'audience'>, issuer: string): boolean {
  return client.audience.length === 0 ? resource === issuer : client.audience.includes(resource);
}

/**
 * Lets a family that began with a key or a certificate go on only with one: with a key, if not the same (RFC 9449 §5: that of a
 * client that authenticates itself is not bound to its refresh tokens); with the same certificate.
 *
 * @param confirmation what the new access token is bound to
 * @throws OAuthError `invalid_dpop_proof`, `invalid_grant`
 */
export function requireBinding(
  family: Pick<RefreshFamily, 'jkt' | 'certificateThumbprint'>,
  confirmation: Confirmation | undefined,
): void {
  if (family.jkt !== undefined && confirmation?.jkt === undefined) {
    throw invalidDpopProof('missing_proof', 'the refresh token was issued with a DPoP proof: it needs one');
  }
  if (family.certificateThumbprint !== undefined && confirmation?.['x5t#S256'] !== family.certificateThumbprint) {
    throw invalidGrant('other_certificate');
  }
}
