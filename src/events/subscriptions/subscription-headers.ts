import { escaped, type Report } from './subscription-faults.js';

/** How many headers a subscription may have, and how long they may be. */
const headerLimits = { headers: 20, name: 64, value: 1024 } as const;

/** A token of HTTP (RFC 9110 §5.6.2). */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Visible ASCII with blanks and tabs inside only (RFC 9110 §5.5); no CR, LF or NUL could get through (security.md E-11). */
const headerValue = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;

/** What the sender, the connection or whoever stands between sets, and what would change the meaning of a request. */
const reservedNames = new Set(
  [
    'accept-encoding authorization cookie cookie2 date dpop expect forwarded host set-cookie set-cookie2 via',
    'connection http2-settings keep-alive te trailer transfer-encoding upgrade',
    'baggage traceparent tracestate x-request-id',
    'client-cert client-cert-chain metadata metadata-flavor x-method-override x-real-ip',
  ].flatMap((names) => names.split(' ')),
);

const reservedPrefixes = [
  'ce- content- proxy- sec- signet- webhook-',
  'x-amz- x-aws- x-forwarded- x-http-method x-original- x-rewrite- x-signet-',
].flatMap((prefixes) => prefixes.split(' '));

/**
 * Reads `headers`, or the merge patch of it, whose values are texts, or `null` to remove one.
 *
 * @param patch whether `null` may stand for a value
 */
export function readHeaders(
  headers: Readonly<Record<string, unknown>>,
  patch: boolean,
  report: Report,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (patch && value === null) continue;
    const fault = nameFault(name) ?? valueFault(value);
    if (fault !== undefined) report(`/headers/${escaped(name)}`, fault);
  }
  return headers as Readonly<Record<string, string>>;
}

/** Reports what is wrong with all headers together. */
export function reportHeaderContradictions(headers: Readonly<Record<string, string>>, report: Report): void {
  const names = Object.keys(headers);
  if (names.length > headerLimits.headers)
    report('/headers', `must not have more than ${headerLimits.headers} headers`);
  const seen = new Set<string>();
  for (const name of names) {
    const lowerCase = name.toLowerCase();
    if (seen.has(lowerCase)) report(`/headers/${escaped(name)}`, 'is there twice: names of headers know no case');
    seen.add(lowerCase);
  }
}

function nameFault(name: string): string | undefined {
  if (name.length > headerLimits.name || !headerName.test(name)) {
    return `must have a name of 1 to ${headerLimits.name} characters that HTTP allows (RFC 9110 §5.1)`;
  }
  const lowerCase = name.toLowerCase();
  const reserved = reservedNames.has(lowerCase) || reservedPrefixes.some((prefix) => lowerCase.startsWith(prefix));
  return reserved ? 'is a header that is not yours to set' : undefined;
}

function valueFault(value: unknown): string | undefined {
  if (typeof value === 'string' && value.length <= headerLimits.value && headerValue.test(value)) return undefined;
  return `must be 1 to ${headerLimits.value} printable ASCII characters, without a blank at either end`;
}
