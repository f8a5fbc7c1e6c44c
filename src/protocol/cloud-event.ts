import { parseDateTime } from './date-time.js';
import { maxEventTypeLength } from './event-match.js';
import { isUri, isUriReference } from './uri-reference.js';

/** What an event says beside its attributes. */
export type CloudEventData =
  | { readonly kind: 'none' }
  /** `text`: the JSON of `value` as it was sent, digit for digit. */
  | { readonly kind: 'json'; readonly value: unknown; readonly text: string }
  | { readonly kind: 'binary'; readonly base64: string };

/** The attributes of a CloudEvent 1.0, checked (CloudEvents §3). */
export interface CloudEventAttributes {
  /** Unique within its source. */
  readonly id: string;
  /** A URI reference. */
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  /** RFC 3339, as it was sent. */
  readonly time: string | undefined;
  /** The others in the order in which they came: `datacontenttype`, `dataschema` and extensions. */
  readonly others: Readonly<Record<string, string | number | boolean>>;
}

/** A CloudEvent 1.0. */
export interface CloudEvent extends CloudEventAttributes {
  readonly data: CloudEventData;
  /** Where the event stands in the body: `/3` in a batch, `''` alone. */
  readonly pointer: string;
}

/** Most characters of each, so that an index can hold them; and most extensions. */
export const cloudEventLimits = {
  id: 256,
  source: 1024,
  type: maxEventTypeLength,
  subject: 512,
  datacontenttype: 256,
  dataschema: 1024,
  extensionName: 64,
  extension: 4096,
  extensions: 50,
} as const;

const reservedPrefixes = ['oauth.', 'state.', 'event.'];

/** Whether only this server publishes events of the type (http-api.md "Events"). */
export function isReservedEventType(type: string): boolean {
  // Nobody shall take another spelling for ours.
  const plain = type.trim().toLowerCase();
  return reservedPrefixes.some((prefix) => plain.startsWith(prefix));
}

/** Takes a fault of the attribute `name`. */
export type ReportAttributeFault = (name: string, detail: string) => void;

/** CloudEvents §3.1.1: what a String does not hold; halves of surrogate pairs do not get here. */
const forbiddenCharacters = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;

const mediaType = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[ \t]*(;[\t\x20-\x7e]*)?$/;

const forbiddenNames: ReadonlySet<string> = new Set(['data', 'constructor', 'prototype']);

type Check = (value: string) => string | undefined;

const checks: Readonly<Record<string, Check>> = {
  specversion: (value) => (value === '1.0' ? undefined : 'must be 1.0'),
  id: () => undefined,
  source: (value) => (isUriReference(value) ? undefined : 'must be a URI reference'),
  type: () => undefined,
  subject: () => undefined,
  time: (value) => (parseDateTime(value) === undefined ? 'must be a time as in RFC 3339' : undefined),
  datacontenttype: (value) => (mediaType.test(value) ? undefined : 'must be a media type'),
  dataschema: (value) => (isUri(value) ? undefined : 'must be an absolute URI'),
};

const required = ['specversion', 'id', 'source', 'type'] as const;

const maxLengths: Readonly<Record<string, number>> = { ...cloudEventLimits, specversion: 16, time: 64 };

/**
 * Checks the attributes of an event (CloudEvents §3). `null` counts as absent (CloudEvents JSON format §2.3).
 *
 * @param values by name, all but the data
 * @param report is told of each fault
 * @returns `undefined` if there was one
 */
export function checkAttributes(
  values: ReadonlyMap<string, unknown>,
  report: ReportAttributeFault,
): CloudEventAttributes | undefined {
  let faulty = false;
  const note = (name: string, detail: string) => {
    faulty = true;
    report(name, detail);
  };
  const present = [...values].filter(([, value]) => value !== null);
  const tooMany = present[Object.keys(checks).length + cloudEventLimits.extensions]?.[0];
  // Before each of them is looked at.
  if (tooMany !== undefined) {
    note(tooMany, `is one of more than ${cloudEventLimits.extensions} extensions`);
    return undefined;
  }
  const texts = new Map<string, string>();
  const extensions: [string, string | number | boolean][] = [];
  for (const name of required) {
    if (!present.some(([own]) => own === name)) note(name, 'is required');
  }
  for (const [name, value] of present) {
    const fault = Object.hasOwn(checks, name) ? attributeFault(name, value) : extensionFault(name, value);
    if (fault !== undefined) note(name, fault);
    else if (Object.hasOwn(checks, name)) texts.set(name, value as string);
    else extensions.push([name, value as string | number | boolean]);
  }
  if (extensions.length > cloudEventLimits.extensions) {
    note(extensions.at(-1)?.[0] ?? '', `is one of more than ${cloudEventLimits.extensions} extensions`);
  }
  const [id, source, type] = [texts.get('id'), texts.get('source'), texts.get('type')];
  if (faulty || id === undefined || source === undefined || type === undefined) return undefined;
  const known = ['datacontenttype', 'dataschema'].flatMap((name) => {
    const value = texts.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const others = Object.fromEntries([...known, ...extensions]);
  return { id, source, type, subject: texts.get('subject'), time: texts.get('time'), others };
}

function attributeFault(name: string, value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a text';
  if (value === '') return 'must not be empty';
  return textFault(value, maxLengths[name] ?? 0) ?? checks[name]?.(value);
}

function extensionFault(name: string, value: unknown): string | undefined {
  if (forbiddenNames.has(name)) return 'an attribute must not have this name';
  if (name.length > cloudEventLimits.extensionName || !/^[a-z0-9]+$/.test(name)) {
    return `is no name of an attribute: lower-case letters and digits, at most ${cloudEventLimits.extensionName}`;
  }
  if (typeof value === 'boolean') return undefined;
  if (typeof value === 'string') return textFault(value, cloudEventLimits.extension);
  // CloudEvents §3.1.1 "Integer"
  return typeof value === 'number' && (value | 0) === value
    ? undefined
    : 'must be a text, a boolean, or an integer of 32 bits';
}

function textFault(value: string, maxLength: number): string | undefined {
  if (value.length > maxLength) return `must not be longer than ${maxLength} characters`;
  return forbiddenCharacters.test(value) ? 'must not hold control characters or noncharacters' : undefined;
}

/**
 * The event in structured mode (CloudEvents JSON format §3): what receivers get.
 *
 * @param time RFC 3339; what the event itself says wins
 */
export function cloudEventText(event: CloudEvent, time: string): string {
  const { id, source, type, subject, data, others } = event;
  const attributes = JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    time: event.time ?? time,
    ...others,
  });
  if (data.kind === 'none') return attributes;
  const member = data.kind === 'json' ? `"data":${data.text}` : `"data_base64":"${data.base64}"`;
  return `${attributes.slice(0, -1)},${member}}`;
}
