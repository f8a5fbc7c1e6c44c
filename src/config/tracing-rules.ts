import type { Rule } from './rules.js';

/** The base URL of a collector: credentials belong into header fields, not here. */
export const collectorRule: Rule = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const ok =
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.username + url.password + url.search + url.hash === '';
  return ok ? undefined : 'must be a URL that begins with http:// or https://, without credentials or a query';
};

/** Header fields as OpenTelemetry has them: `name=value`, comma-separated, values percent-encoded. */
export const exportHeadersRule: Rule = (value) => {
  try {
    const ok = Object.entries(exportHeadersOf(value)).every(
      ([name, text]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e]+$/.test(text),
    );
    if (ok) return undefined;
  } catch {
    // A percent sign that encodes nothing.
  }
  return 'must be a comma-separated list of name=value, values percent-encoded';
};

/** The fields of such a list, by name. */
export function exportHeadersOf(value: string): Record<string, string> {
  return Object.fromEntries(
    value.split(',').map((field) => {
      const at = field.indexOf('=');
      return [field.slice(0, Math.max(at, 0)).trim(), decodeURIComponent(field.slice(at + 1).trim())];
    }),
  );
}

/** A name that stands on every span. */
export const serviceNameRule: Rule = (value) =>
  /^[\x20-\x7e]{1,100}$/.test(value) ? undefined : 'must have 1 to 100 printable ASCII characters';

/** A share of a whole. */
export const shareRule: Rule = (value) =>
  /^(0|1|0?\.\d{1,6}|1\.0{1,6})$/.test(value) ? undefined : 'must be a number from 0 to 1, such as 0.05';
