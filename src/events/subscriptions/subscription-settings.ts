import {
  applyMergePatch,
  badRequest,
  type MergePatch,
  type ProblemFault,
  readEventFilter,
  typeGlobFault,
} from '../../protocol/index.js';
import { readAuth, reportAuthContradictions } from './subscription-auth.js';
import { escaped, type Report } from './subscription-faults.js';
import { readHeaders, reportHeaderContradictions } from './subscription-headers.js';
import { defaultSettings, type FilterMembers, type SubscriptionSettings } from './subscription.js';
import type { CreateSubscriptionBody, SubscriptionMembers, UpdateSubscriptionBody } from './subscriptions.dto.js';

/** Bounds of a retry schedule, as the configuration has them. */
const retryLimits = { attempts: 20, seconds: 86_400 } as const;

/** Longest filter, in characters of its JSON. */
const maxFilterLength = 16_384;

/** Says what is wrong with a URL that this server is to call, so far as its text tells; `undefined`: nothing. */
export type CheckTarget = (url: string) => string | undefined;

/** What the settings of one request are read with. */
interface Reading {
  readonly patch: boolean;
  readonly report: Report;
  readonly checkTarget: CheckTarget;
}

/**
 * The settings of a new subscription.
 *
 * @param owner whose a poll subscription is unless the body says
 * @throws Problem 400 with every fault, each with its pointer
 */
export function newSettings(
  body: CreateSubscriptionBody,
  owner: string,
  checkTarget: CheckTarget,
): SubscriptionSettings {
  return mergedSettings(defaultSettings, body, owner, { patch: false, checkTarget });
}

/**
 * The settings after a merge patch (RFC 7396): a member absent stays, `null` goes back to its default; `headers`, `filter`,
 * `retry` and `auth` are merged member by member. Without a token there is no scope and no audience of one.
 *
 * @throws Problem 400 with every fault, each with its pointer
 */
export function changedSettings(
  current: SubscriptionSettings,
  body: UpdateSubscriptionBody,
  owner: string,
  checkTarget: CheckTarget,
): SubscriptionSettings {
  return mergedSettings(current, body, owner, { patch: true, checkTarget });
}

function mergedSettings(
  current: SubscriptionSettings,
  body: CreateSubscriptionBody | UpdateSubscriptionBody,
  owner: string,
  reading: Omit<Reading, 'report'>,
): SubscriptionSettings {
  const faults: ProblemFault[] = [];
  const report: Report = (pointer, detail) => {
    if (!faults.some((fault) => fault.pointer === pointer)) faults.push({ pointer, detail });
  };
  const patch = readMembers(body, { ...reading, report });
  const merged = applyMergePatch(current, patch, defaultSettings);
  const { delivery, clientId } = merged;
  const settings = { ...merged, clientId: delivery === 'poll' ? (clientId ?? owner) : clientId };
  reportContradictions(settings, body, reading.patch, report);
  if (faults.length > 0) throw badRequest(faults);
  return settings.authType === 'none' ? { ...settings, authScope: null, authResource: null } : settings;
}

function readMembers(
  body: SubscriptionMembers & Partial<CreateSubscriptionBody>,
  { patch, report, checkTarget }: Reading,
): MergePatch<SubscriptionSettings> {
  return {
    name: body.name,
    delivery: body.delivery,
    url: given(body.url, (url) => readUrl(url, report, checkTarget)),
    eventTypes: given(body.event_types, (types) => readEventTypes(types, report)),
    source: body.source,
    filter: given(body.filter, (filter) => readFilter(filter, patch, report)),
    clientId: body.client_id,
    headers: given(body.headers, (headers) => readHeaders(headers, patch, report)),
    retryBackoffSeconds: given(body.retry, (retry) => readRetry(retry, report)),
    timeoutMs: body.timeout_ms,
    maxInFlight: body.max_in_flight,
    rateLimitPerSecond: body.rate_limit_per_second,
    ordering: body.ordering,
    ...(body.auth === null ? { authType: null } : readAuth(body.auth ?? {}, report)),
    status: body.status,
  };
}

function given<In, Out>(value: In | null | undefined, read: (value: In) => Out): Out | null | undefined {
  if (value === undefined) return undefined;
  return value === null ? null : read(value);
}

function readUrl(url: string, report: Report, checkTarget: CheckTarget): string {
  const fault = checkTarget(url);
  if (fault !== undefined) report('/url', fault);
  return url;
}

/** The types, each one once. */
function readEventTypes(types: readonly unknown[], report: Report): string[] {
  if (types.length === 0) report('/event_types', 'must hold at least one type');
  const read = new Set<string>();
  for (const [index, type] of types.entries()) {
    const fault = typeof type === 'string' ? typeGlobFault(type) : 'must be a string';
    if (fault !== undefined) report(`/event_types/${index}`, fault);
    else read.add(type as string);
  }
  return [...read];
}

/** Its paths; `null` removes one, and is refused where there is none to remove. What each says is checked with the whole. */
function readFilter(filter: Readonly<Record<string, unknown>>, patch: boolean, report: Report): FilterMembers {
  for (const [path, conditions] of Object.entries(filter)) {
    if (!patch && conditions === null) report(`/filter/${escaped(path)}`, 'must be a list of at least one condition');
  }
  return filter as FilterMembers;
}

function readRetry(retry: Readonly<Record<string, unknown>>, report: Report): readonly number[] | null | undefined {
  for (const name of Object.keys(retry)) {
    if (name !== 'backoff_seconds') report(`/retry/${escaped(name)}`, 'is not a member of retry');
  }
  const { backoff_seconds: seconds } = retry;
  if (seconds === undefined || seconds === null) return seconds;
  if (!Array.isArray(seconds) || seconds.length > retryLimits.attempts) {
    report('/retry/backoff_seconds', `must be a list of at most ${retryLimits.attempts} integers`);
    return undefined;
  }
  for (const [index, value] of seconds.entries()) {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > retryLimits.seconds) {
      report(`/retry/backoff_seconds/${index}`, `must be an integer from 0 to ${retryLimits.seconds}`);
    }
  }
  return seconds as readonly number[];
}

function reportContradictions(
  settings: SubscriptionSettings,
  body: SubscriptionMembers,
  patch: boolean,
  report: Report,
): void {
  const { delivery, filter, headers, url } = settings;
  if (delivery === 'push' && url === null) report('/url', 'is required with the delivery push');
  if (delivery === 'poll' && url !== null) {
    report('/url', patch ? 'belongs to the delivery push; null removes it' : 'belongs to the delivery push');
  }
  if (delivery === 'poll' && Object.keys(headers).length > 0) report('/headers', 'belongs to the delivery push');
  reportHeaderContradictions(headers, report);
  if (filter !== null) reportFilterFaults(filter, report);
  const named = Object.entries(body.auth ?? {}).filter(([, value]) => value !== null);
  reportAuthContradictions(
    settings,
    named.map(([name]) => name),
    report,
  );
}

function reportFilterFaults(filter: FilterMembers, report: Report): void {
  readEventFilter(filter, (pointer, detail) => report(`/filter${pointer}`, detail));
  if (JSON.stringify(filter).length > maxFilterLength) {
    report('/filter', `must be at most ${maxFilterLength} characters of JSON`);
  }
}
