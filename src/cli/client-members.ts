import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { systemCode, usageFault } from './failure.js';
import { collect, type Options } from './session.js';

type Members = Readonly<Record<string, unknown>>;

/** An option, and the member of a client (http-api.md "Admin") that it sets. */
interface MemberOption {
  readonly flags: string;
  readonly description: string;
  readonly member: string;
  readonly kind: 'text' | 'list' | 'integer' | 'switch' | 'json-file';
}

const memberOptions: readonly MemberOption[] = [
  { flags: '--name <text>', description: 'name for people', member: 'client_name', kind: 'text' },
  { flags: '--description <text>', description: 'what it is for', member: 'description', kind: 'text' },
  { flags: '--scope <scopes>', description: 'what it may ask for, space-delimited', member: 'scope', kind: 'text' },
  { flags: '--audience <uri>', description: 'whom its tokens are for (repeatable)', member: 'audience', kind: 'list' },
  {
    flags: '--resource-identifier <uri>',
    description: 'an API that it serves (repeatable)',
    member: 'resource_identifiers',
    kind: 'list',
  },
  { flags: '--grant-type <type>', description: 'a grant it may use (repeatable)', member: 'grant_types', kind: 'list' },
  {
    flags: '--auth-method <method>',
    description: 'how it authenticates, as in RFC 7591',
    member: 'token_endpoint_auth_method',
    kind: 'text',
  },
  {
    flags: '--access-token-ttl <seconds>',
    description: 'life of its access tokens',
    member: 'access_token_ttl_seconds',
    kind: 'integer',
  },
  {
    flags: '--refresh-token-ttl <seconds>',
    description: 'life of its refresh tokens',
    member: 'refresh_token_ttl_seconds',
    kind: 'integer',
  },
  { flags: '--jwks <file>', description: 'its public keys, a JWK Set', member: 'jwks', kind: 'json-file' },
  { flags: '--jwks-uri <url>', description: 'where its public keys are', member: 'jwks_uri', kind: 'text' },
  { flags: '--dpop', description: 'its tokens are bound by DPoP', member: 'dpop_bound_access_tokens', kind: 'switch' },
  {
    flags: '--allowed-network <cidr>',
    description: 'a network it may call from (repeatable)',
    member: 'allowed_networks',
    kind: 'list',
  },
  {
    flags: '--rate-limit <n>',
    description: 'tokens per minute at most',
    member: 'rate_limit_per_minute',
    kind: 'integer',
  },
  {
    flags: '--rate-limit-per-day <n>',
    description: 'tokens per day of UTC at most',
    member: 'rate_limit_per_day',
    kind: 'integer',
  },
  {
    flags: '--rate-limit-mode <mode>',
    description: 'what is beyond its limits: enforce (refused) or report (counted)',
    member: 'rate_limit_mode',
    kind: 'text',
  },
  {
    flags: '--token-coalescing <seconds>',
    description: 'requests that are alike get the same token for so long',
    member: 'token_coalescing_seconds',
    kind: 'integer',
  },
  { flags: '--contact <text>', description: 'whom to ask (repeatable)', member: 'contacts', kind: 'list' },
];

/** Gives `command` the options that set members of a client. */
export function withMemberOptions(command: Command): Command {
  for (const { flags, description, kind } of memberOptions) {
    if (kind === 'list') command.option(flags, description, collect);
    else command.option(flags, description);
  }
  return command.option('--file <file>', 'JSON with any members as in the API; - reads the standard input');
}

/**
 * The members that the options set, on top of those of `--file`.
 *
 * @throws CommandFailure 2 for a file that cannot be read or is no JSON object, and a number that is none
 */
export function clientMembers(options: Options): Members {
  const file = options['file'];
  const members: Record<string, unknown> = typeof file === 'string' ? { ...readJson('--file', file) } : {};
  for (const option of memberOptions) {
    const value = options[propertyOf(option.flags)];
    if (value !== undefined) members[option.member] = valueOf(option, value);
  }
  return members;
}

function valueOf({ kind, flags }: MemberOption, value: unknown): unknown {
  const option = flags.split(' ', 1)[0] ?? '';
  if (kind === 'json-file') return readJson(option, String(value));
  if (kind !== 'integer') return value;
  if (!/^\d{1,15}$/.test(String(value))) throw usageFault(`${option}: must be an integer`);
  return Number(value);
}

/** Where commander keeps the value of an option. */
function propertyOf(flags: string): string {
  const name = /^--([a-z-]+)/.exec(flags)?.[1] ?? '';
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function readJson(option: string, file: string): Members {
  const text = read(file);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  } catch {
    // As what is JSON, but no object.
  }
  throw usageFault(`${option}: ${file} must hold a JSON object`);
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw usageFault(`${file}: cannot be read (${systemCode(error)})`);
  }
}
