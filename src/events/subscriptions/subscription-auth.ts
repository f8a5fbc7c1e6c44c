import { isOwnScope, type MergePatch, parseResource, parseScope } from '../../protocol/index.js';
import { escaped, type Report } from './subscription-faults.js';
import { deliveryResource, type SubscriptionSettings } from './subscription.js';

type AuthPatch = Pick<MergePatch<SubscriptionSettings>, 'authType' | 'authScope' | 'authResource'>;

const maxScopeLength = 4096;

/** What a URI has before its host (RFC 3986 §3.2.1). */
const userInformation = /^[^:/?#]+:\/\/[^/?#]*@/;

/** Reads `auth`, or the merge patch of it; `null` puts each member back to its default. */
export function readAuth(auth: Readonly<Record<string, unknown>>, report: Report): AuthPatch {
  for (const name of Object.keys(auth)) {
    if (!['type', 'scope', 'resource'].includes(name)) report(`/auth/${escaped(name)}`, 'is not a member of auth');
  }
  return {
    authType: readType(auth['type'], report),
    authScope: readText(auth['scope'], '/auth/scope', report, (scope) => readScope(scope, report)),
    authResource: readText(auth['resource'], '/auth/resource', report, (resource) => readResource(resource, report)),
  };
}

function readType(type: unknown, report: Report): AuthPatch['authType'] {
  if (type === undefined || type === null || type === 'none' || type === 'oauth2') return type;
  report('/auth/type', 'must be one of none, oauth2');
  return undefined;
}

function readText<Out>(
  value: unknown,
  pointer: string,
  report: Report,
  read: (text: string) => Out,
): Out | null | undefined {
  if (value === undefined || value === null) return value;
  if (typeof value === 'string') return read(value);
  report(pointer, 'must be a string');
  return undefined;
}

/** An empty one is no scope (RFC 6749 §3.3): it would have to stand for none, or for all. */
function readScope(scope: string, report: Report): readonly string[] | null {
  let names: readonly string[];
  try {
    if (scope.length > maxScopeLength) throw new RangeError();
    names = parseScope(scope);
  } catch {
    report('/auth/scope', 'must be scope-tokens with one space between them (RFC 6749 §3.3)');
    return null;
  }
  const own = names.filter(isOwnScope);
  if (own.length > 0) report('/auth/scope', `holds scopes of this server itself: ${own.join(', ')}`);
  return names;
}

function readResource(resource: string, report: Report): string {
  try {
    const read = parseResource(resource);
    if (userInformation.test(read)) report('/auth/resource', 'must not hold a user or a password');
    return read;
  } catch {
    report('/auth/resource', 'must be an absolute URI without a fragment, of at most 1024 characters');
    return resource;
  }
}

/**
 * Reports what does not go together: a token that nobody sends, one of nobody, and one that is meant for somebody else than the
 * endpoint (security.md M-23).
 *
 * @param named the members of `auth` that this request names a value of
 */
export function reportAuthContradictions(
  { authType, authResource, clientId, delivery, url }: SubscriptionSettings,
  named: readonly string[],
  report: Report,
): void {
  if (authType === 'none') {
    for (const name of named) if (name !== 'type') report(`/auth/${escaped(name)}`, 'belongs to the auth type oauth2');
    return;
  }
  if (delivery === 'poll') report('/auth/type', 'oauth2 belongs to the delivery push');
  if (clientId === null) report('/client_id', 'is required with the auth type oauth2: it is whose token is sent');
  if (authResource === null || url === null || !URL.canParse(url)) return;
  if (!URL.canParse(authResource) || new URL(authResource).origin !== deliveryResource(url, null)) {
    report('/auth/resource', 'must be of the same origin as url');
  }
}
