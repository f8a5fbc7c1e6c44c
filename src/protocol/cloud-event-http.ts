import {
  type CloudEvent,
  type CloudEventAttributes,
  type CloudEventData,
  checkAttributes,
  type ReportAttributeFault,
} from './cloud-event.js';
import { JsonFault } from './json-fault.js';
import { jsonPointer } from './json-pointer.js';
import { badRequest, type ProblemFault, unsupportedMediaType } from './problem.js';
import { type JsonText, readStrictJson } from './strict-json.js';

/** Most events of a batch. */
export const maxBatchSize = 100;

/** Most values of a body; its size is capped by the caller. */
const maxValues = 100_000;

/** Most faults that are told of one request. */
const maxFaults = 100;

const wellFormed = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[ \t]*(;|$)/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** An HTTP request with CloudEvents. */
export interface CloudEventRequest {
  /** Names and values in turn, as they were sent (`IncomingMessage.rawHeaders`). */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
}

/**
 * Reads the events of a request (CloudEvents HTTP protocol binding 1.0 §3): structured, batched or binary mode, by the media
 * type. `application/json` is structured or batched too – an object or an array – unless a `ce-` header makes it binary.
 *
 * @throws Problem 400 with a JSON Pointer to each fault – in binary mode the name of the header field –, 415; JsonFault
 */
export function readCloudEvents(request: CloudEventRequest): CloudEvent[] {
  const headers = readHeaders(request.rawHeaders);
  const { essence } = headers;
  if (essence?.startsWith('application/cloudevents') === true) {
    if (essence === 'application/cloudevents+json') return readStructured(request.body, headers);
    if (essence === 'application/cloudevents-batch+json') return readBatch(request.body, headers);
    throw notTaken();
  }
  if (headers.attributes.length > 0) return [readBinary(request.body, headers)];
  if (essence === 'application/json') {
    return isArray(request.body) ? readBatch(request.body, headers) : readStructured(request.body, headers);
  }
  if (essence === undefined && request.body.length === 0) {
    throw badRequest([{ pointer: '', detail: 'a CloudEvent is required' }]);
  }
  throw notTaken();
}

function notTaken() {
  return unsupportedMediaType(
    'the body must be application/cloudevents+json, application/cloudevents-batch+json or application/json, or the header must hold ce- attributes',
  );
}

interface Headers {
  /** `Content-Type` as it was sent. */
  readonly contentType: string | undefined;
  /** Its type and subtype in lower case. */
  readonly essence: string | undefined;
  readonly charset: string | undefined;
  /** The `ce-` fields by the lower-case name of the attribute; repeated ones repeatedly. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

function readHeaders(rawHeaders: readonly string[]): Headers {
  const fields = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ''] as const] : [],
  );
  const types = fields.filter(([name]) => name === 'content-type');
  const [contentType] = types.map(([, value]) => value);
  if (types.length > 1 || (contentType !== undefined && !wellFormed.test(contentType))) {
    throw unsupportedMediaType('the Content-Type is not well-formed');
  }
  const charset = /;[ \t]*charset=("?)([\w-]+)\1/i.exec(contentType ?? '')?.[2]?.toLowerCase();
  return {
    contentType,
    essence: contentType?.split(';', 1)[0]?.trim().toLowerCase(),
    charset,
    attributes: fields
      .filter(([name]) => name.startsWith('ce-'))
      .map(([name, value]) => [name.slice('ce-'.length), value] as const),
  };
}

function isUtf8({ charset }: Headers): boolean {
  return charset === undefined || charset === 'utf-8' || charset === 'us-ascii';
}

function readJson(body: Uint8Array, headers: Headers, depth: number): JsonText {
  if (!isUtf8(headers)) throw unsupportedMediaType('JSON must be UTF-8');
  return readStrictJson(body, { depth, maxValues });
}

function isArray(body: Uint8Array): boolean {
  return body.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) === 0x5b;
}

function readStructured(body: Uint8Array, headers: Headers): CloudEvent[] {
  const faults: ProblemFault[] = [];
  const json = readJson(body, headers, 1);
  const event = readMembers(json.value, '', json, faults);
  if (event === undefined) throw refused(faults);
  return [event];
}

function readBatch(body: Uint8Array, headers: Headers): CloudEvent[] {
  const json = readJson(body, headers, 2);
  const { value } = json;
  if (!Array.isArray(value) || value.length === 0 || value.length > maxBatchSize) {
    throw badRequest([{ pointer: '', detail: `must be an array of 1 to ${maxBatchSize} events` }]);
  }
  const faults: ProblemFault[] = [];
  const events = value.map((event: unknown, index) => readMembers(event, `/${index}`, json, faults));
  if (faults.length > 0) throw refused(faults);
  return events.filter((event) => event !== undefined);
}

function refused(faults: readonly ProblemFault[]) {
  return badRequest(faults.slice(0, maxFaults));
}

/** An event of the JSON format (CloudEvents JSON format §2, §3). */
function readMembers(value: unknown, pointer: string, json: JsonText, faults: ProblemFault[]): CloudEvent | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push({ pointer, detail: 'must be a JSON object' });
    return undefined;
  }
  const report: ReportAttributeFault = (name, detail) =>
    faults.push({ pointer: pointer + jsonPointer([name]).slice(0, 256), detail });
  const { data, data_base64: base64, ...attributes } = value as Readonly<Record<string, unknown>>;
  const own = checkAttributes(new Map(Object.entries(attributes)), report);
  const text = json.textAt(`${pointer}/data`);
  const carried = dataOf(text === undefined ? undefined : { value: data, text }, base64, report);
  return own === undefined || carried === undefined ? undefined : { ...own, data: carried, pointer };
}

function dataOf(
  data: { readonly value: unknown; readonly text: string } | undefined,
  base64: unknown,
  report: ReportAttributeFault,
): CloudEventData | undefined {
  if (base64 === undefined || base64 === null) return data === undefined ? { kind: 'none' } : { kind: 'json', ...data };
  if (data !== undefined) report('data_base64', 'must not be given beside data');
  else if (typeof base64 === 'string' && isBase64(base64)) return { kind: 'binary', base64 };
  else report('data_base64', 'must be base64 with its padding');
  return undefined;
}

/** RFC 4648 §4. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** CloudEvents HTTP protocol binding §3.1. */
function readBinary(body: Uint8Array, headers: Headers): CloudEvent {
  const faults: ProblemFault[] = [];
  const report: ReportAttributeFault = (name, detail) => {
    const field = name === 'datacontenttype' ? 'content-type' : `ce-${name}`;
    faults.push({ pointer: jsonPointer([field]).slice(0, 256), detail });
  };
  const values = new Map<string, unknown>();
  for (const [name, value] of headers.attributes) {
    if (name === 'datacontenttype') faults.push({ pointer: `/ce-${name}`, detail: 'is told by Content-Type alone' });
    else if (values.has(name)) report(name, 'must not be repeated');
    else
      values.set(
        name,
        decoded(value, (detail) => report(name, detail)),
      );
  }
  if (headers.contentType !== undefined) values.set('datacontenttype', headers.contentType);
  const own: CloudEventAttributes | undefined = checkAttributes(
    values,
    // A value that could not be decoded has had its fault.
    (name, detail) => (values.get(name) !== undefined || !values.has(name) ? report(name, detail) : undefined),
  );
  if (body.length > 0 && headers.contentType === undefined) {
    throw unsupportedMediaType('data must have a Content-Type');
  }
  const data = binaryData(body, headers);
  if (own === undefined || faults.length > 0) throw refused(faults);
  return { ...own, data, pointer: '' };
}

/** CloudEvents HTTP protocol binding §3.1.3.2: first unquoted, then percent-decoded once. */
function decoded(value: string, report: (detail: string) => void): string | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? value;
  if (!/^[\x20-\x7e]*$/.test(quoted)) {
    report('must be printable ASCII, anything else percent-encoded');
    return undefined;
  }
  try {
    return decodeURIComponent(quoted);
  } catch {
    report('must be percent-encoded UTF-8');
    return undefined;
  }
}

/** JSON stays JSON, text becomes a JSON string, and anything else base64. */
function binaryData(body: Uint8Array, headers: Headers): CloudEventData {
  const { essence = '' } = headers;
  if (body.length === 0) return { kind: 'none' };
  if (/^(application|text)\/json$|\+json$/.test(essence)) {
    const json = jsonData(body, headers);
    return { kind: 'json', value: json.value, text: json.textAt('') ?? 'null' };
  }
  const isText = /^text\/|^application\/xml$|\+xml$/.test(essence) && isUtf8(headers);
  const text = isText ? textOf(body) : undefined;
  return text === undefined
    ? { kind: 'binary', base64: Buffer.from(body).toString('base64') }
    : { kind: 'json', value: text, text: JSON.stringify(text) };
}

function jsonData(body: Uint8Array, headers: Headers): JsonText {
  try {
    return readJson(body, headers, 0);
  } catch (error) {
    throw error instanceof JsonFault ? new JsonFault(`/data${error.pointer}`, error.detail) : error;
  }
}

function textOf(body: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(body);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
