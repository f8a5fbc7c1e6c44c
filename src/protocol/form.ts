import { invalidRequest } from './oauth/error.js';

/** A parsed form: every parameter with all its values, in order. A `Map`, so `__proto__` is a name like any other. */
export type Form = ReadonlyMap<string, readonly string[]>;

const MAX_PARAMETERS = 100;
const FORM_MEDIA_TYPE = 'application/x-www-form-urlencoded';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses an `application/x-www-form-urlencoded` body (RFC 6749 Appendix B) strictly: UTF-8 throughout (overlong forms
 * refused), no broken percent-escapes but in `scope`, at most 100 parameters. The caller caps the size.
 *
 * @throws OAuthError `invalid_request`
 */
export function parseForm(body: Uint8Array): Form {
  const text = decodeText(body);
  const form = new Map<string, string[]>();
  const encoded = text.includes('%') || text.includes('+');
  const length = text.length;
  let count = 0;
  let equals = -1;
  for (let start = 0, end = 0; start < length; start = end + 1) {
    end = text.indexOf('&', start);
    if (end === -1) end = length;
    if (end === start) continue;
    if (++count > MAX_PARAMETERS) throw invalidRequest('the form has too many parameters');
    if (equals < start) equals = nextEquals(text, start);
    const nameEnd = equals < end ? equals : end;
    const name = component(text, start, nameEnd, encoded);
    const value = nameEnd === end ? '' : valueOf(name, text, nameEnd + 1, end, encoded);
    const values = form.get(name);
    if (values === undefined) form.set(name, [value]);
    else values.push(value);
  }
  return form;
}

function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw invalidRequest('the form is not valid UTF-8');
  }
}

function nextEquals(text: string, from: number): number {
  const at = text.indexOf('=', from);
  return at === -1 ? text.length : at;
}

function component(text: string, from: number, to: number, encoded: boolean): string {
  const raw = text.slice(from, to);
  if (!encoded) return raw;
  const decoded = decodeFormComponent(raw);
  if (decoded === null) throw invalidRequest('the form has a broken percent-escape');
  return decoded;
}

/** A scope that cannot be decoded is a malformed scope, as any other character is that no scope holds (security.md T-13). */
function valueOf(name: string, text: string, from: number, to: number, encoded: boolean): string {
  if (name !== 'scope' || !encoded) return component(text, from, to, encoded);
  return decodeFormComponent(text.slice(from, to)) ?? '\ufffd';
}

/**
 * Decodes one name or value of a form: `+` is a space, `%XX` a byte of UTF-8 (RFC 6749 Appendix B).
 * `null` if an escape is broken or the bytes are no UTF-8.
 */
export function decodeFormComponent(raw: string): string | null {
  const spaced = raw.includes('+') ? raw.replaceAll('+', ' ') : raw;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return null;
  }
}

/**
 * Whether a `Content-Type` says form (security.md T-03): case-insensitive, blanks around it and parameters allowed;
 * a `charset` must be UTF-8, since nothing else is ever decoded.
 */
export function isFormMediaType(contentType: string | undefined): boolean {
  if (contentType === FORM_MEDIA_TYPE) return true;
  if (contentType === undefined) return false;
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  return type.trim() === FORM_MEDIA_TYPE && parameters.every(isHarmlessParameter);
}

function isHarmlessParameter(parameter: string): boolean {
  const equals = parameter.indexOf('=');
  if (equals === -1) return parameter.trim() === '';
  if (parameter.slice(0, equals).trim() !== 'charset') return true;
  const charset = parameter.slice(equals + 1).trim();
  return charset === 'utf-8' || charset === '"utf-8"';
}

/**
 * The one value of a parameter; `undefined` if it is absent or empty ("without a value", RFC 6749 §3.2).
 *
 * @throws OAuthError `invalid_request` if it is repeated, equal or not (RFC 6749 §3.2)
 */
export function singleParameter(form: Form, name: string): string | undefined {
  const values = form.get(name);
  if (values === undefined) return undefined;
  if (values.length > 1) throw repeated(name);
  const value = values[0];
  return value === '' ? undefined : value;
}

const parameterName = /^[a-z_]{1,32}$/;

/** The refusal of a repeated parameter (RFC 6749 §3.2); it is named if its name looks like one. */
export function repeated(name: string): Error {
  const named = parameterName.test(name) ? `the parameter ${name}` : 'a parameter';
  return invalidRequest(`${named} must not be repeated`);
}
