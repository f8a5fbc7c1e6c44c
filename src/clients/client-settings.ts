import {
  applyMergePatch,
  badRequest,
  type MergePatch,
  parseCidr,
  parseResource,
  parseScope,
  type ProblemFault,
} from '../protocol/index.js';
import { supportedAuthMethods, supportedGrantTypes } from './client-capabilities.js';
import { readJwks, type Report } from './client-jwks.js';
import { reportContradictions } from './client-rules.js';
import { readTlsSubjects } from './client-tls-subject.js';
import { type ClientSettings, defaultSettings } from './client.js';
import type { ClientMembers, CreateClientBody, UpdateClientBody } from './clients.dto.js';

const maxMetadata = { members: 50, name: 64, value: 512 };

/** Says what is wrong with a URL that this server is to call, so far as its text tells; `undefined`: nothing. */
export type CheckTarget = (url: string) => string | undefined;

/**
 * The settings of a new client.
 *
 * @throws Problem 400 with every fault, each with its pointer
 */
export function newSettings(body: CreateClientBody, checkTarget: CheckTarget): ClientSettings {
  const removed = Object.entries(body.metadata ?? {}).filter(([, value]) => value === null);
  if (removed.length > 0) {
    throw badRequest(removed.map(([name]) => ({ pointer: `/metadata/${escaped(name)}`, detail: 'must be a string' })));
  }
  return changedSettings(defaultSettings, body, checkTarget);
}

/**
 * The settings after a merge patch (RFC 7396): a member absent stays, `null` goes back to its default, `metadata` is merged
 * member by member.
 *
 * @throws Problem 400 with every fault, each with its pointer
 */
export function changedSettings(
  current: ClientSettings,
  body: CreateClientBody | UpdateClientBody,
  checkTarget: CheckTarget,
): ClientSettings {
  const faults: ProblemFault[] = [];
  const report: Report = (pointer, detail) => faults.push({ pointer, detail });
  const patch = readMembers(body, report, checkTarget);
  const settings = applyMergePatch(current, patch, defaultSettings);
  // Of keys that are wrong in themselves nothing more is to be said.
  reportContradictions(settings, faults.length === 0, report);
  if (Object.keys(settings.metadata).length > maxMetadata.members) {
    report('/metadata', `must not have more than ${maxMetadata.members} members`);
  }
  if (faults.length > 0) throw badRequest(faults);
  return settings;
}

function readMembers(
  body: ClientMembers & Partial<UpdateClientBody>,
  report: Report,
  checkTarget: CheckTarget,
): MergePatch<ClientSettings> {
  return {
    clientName: body.client_name,
    status: body.status,
    description: body.description,
    grantTypes: given(body.grant_types, (list) => readList(list, '/grant_types', report, grantTypeFault)),
    tokenEndpointAuthMethod: given(body.token_endpoint_auth_method, (method) => readAuthMethod(method, report)),
    scope: given(body.scope, (scope) => readScope(scope, report)),
    audience: given(body.audience, (list) => readList(list, '/audience', report, uriFault)),
    resourceIdentifiers: given(body.resource_identifiers, (list) =>
      readList(list, '/resource_identifiers', report, uriFault),
    ),
    accessTokenTtlSeconds: body.access_token_ttl_seconds,
    refreshTokenTtlSeconds: body.refresh_token_ttl_seconds,
    refreshTokenGraceSeconds: body.refresh_token_grace_seconds,
    jwks: given(body.jwks, (jwks) => readJwks(jwks, '/jwks', report)),
    jwksUri: given(body.jwks_uri, (uri) => readJwksUri(uri, report, checkTarget)),
    dpopBoundAccessTokens: body.dpop_bound_access_tokens,
    ...readTlsSubjects(body, report),
    tlsClientCertificateBoundAccessTokens: body.tls_client_certificate_bound_access_tokens,
    allowedNetworks: given(body.allowed_networks, (list) => readNetworks(list, report)),
    rateLimitPerMinute: body.rate_limit_per_minute,
    rateLimitPerDay: body.rate_limit_per_day,
    rateLimitMode: body.rate_limit_mode,
    tokenCoalescingSeconds: body.token_coalescing_seconds,
    contacts: given(body.contacts, (list) => readList(list, '/contacts', report, contactFault)),
    metadata: given(body.metadata, (metadata) => readMetadata(metadata, report)),
  };
}

function given<In, Out>(value: In | null | undefined, read: (value: In) => Out): Out | null | undefined {
  if (value === undefined) return undefined;
  return value === null ? null : read(value);
}

/** The texts of a list, each one once; `faultOf` says what is wrong with a text. */
function readList(
  list: readonly unknown[],
  pointer: string,
  report: Report,
  faultOf: (text: string) => string | undefined,
): string[] {
  const texts = new Set<string>();
  for (const [index, item] of list.entries()) {
    const fault = typeof item === 'string' ? faultOf(item) : 'must be a string';
    if (fault !== undefined) report(`${pointer}/${index}`, fault);
    else texts.add(item as string);
  }
  return [...texts];
}

function grantTypeFault(text: string): string | undefined {
  return supportedGrantTypes.includes(text) ? undefined : `must be one of ${supportedGrantTypes.join(', ')}`;
}

function uriFault(text: string): string | undefined {
  try {
    parseResource(text);
    return undefined;
  } catch {
    return 'must be an absolute URI without a fragment, of at most 1024 characters';
  }
}

function contactFault(text: string): string | undefined {
  return /^\P{Cc}{1,254}$/u.test(text) ? undefined : 'must be 1 to 254 characters without control characters';
}

function readAuthMethod(method: string, report: Report): string {
  if (!supportedAuthMethods.includes(method)) {
    report('/token_endpoint_auth_method', `must be one of ${supportedAuthMethods.join(', ')}`);
  }
  return method;
}

function readScope(scope: string, report: Report): readonly string[] {
  if (scope === '') return [];
  try {
    return parseScope(scope);
  } catch {
    report('/scope', 'must be scope-tokens with one space between them (RFC 6749 §3.3)');
    return [];
  }
}

function readJwksUri(uri: string, report: Report, checkTarget: CheckTarget): string {
  const fault = checkTarget(uri);
  if (fault !== undefined) report('/jwks_uri', fault);
  return uri;
}

/** Canonical CIDRs; a plain address is the network of that one address. */
function readNetworks(list: readonly unknown[], report: Report): string[] {
  const networks = new Set<string>();
  for (const [index, item] of list.entries()) {
    const network = typeof item === 'string' ? canonicalNetwork(item) : undefined;
    if (network === undefined) {
      report(`/allowed_networks/${index}`, 'must be a CIDR such as 10.0.0.0/8 or 2001:db8::/32, without host bits');
    } else networks.add(network);
  }
  return [...networks];
}

function canonicalNetwork(text: string): string | undefined {
  const cidr = parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
  return cidr === null ? undefined : `${cidr.address.toString()}/${cidr.prefixLength}`;
}

/** The patch of `metadata`, whose members are strings, or `null` to be removed. */
function readMetadata(
  metadata: Readonly<Record<string, unknown>>,
  report: Report,
): MergePatch<ClientSettings>['metadata'] {
  for (const [name, value] of Object.entries(metadata)) {
    const pointer = `/metadata/${escaped(name)}`;
    if (!/^\P{Cc}+$/u.test(name) || name.length > maxMetadata.name) {
      report(pointer, `must have a name of 1 to ${maxMetadata.name} characters without control characters`);
    } else if (value !== null && !(typeof value === 'string' && value.length <= maxMetadata.value)) {
      report(pointer, `must be a string of at most ${maxMetadata.value} characters`);
    } else if (typeof value === 'string' && !/^\P{Cc}*$/u.test(value)) {
      report(pointer, 'must not hold control characters');
    }
  }
  return metadata as Readonly<Record<string, string>>;
}

/** RFC 6901 §3. */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
