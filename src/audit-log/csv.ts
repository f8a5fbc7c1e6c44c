/** What a spreadsheet would take for a formula (OWASP, "CSV Injection"), in the forms of full width too. */
const formula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const needsQuotes = /[",\r\n]/;

/**
 * A line of CSV (RFC 4180), with its end. A text that a spreadsheet would run gets an apostrophe in front.
 *
 * @param fields `null` is an empty field
 */
export function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map(csvField).join(',')}\r\n`;
}

function csvField(text: string | null): string {
  if (text === null) return '';
  const harmless = formula.test(text) ? `'${text}` : text;
  return needsQuotes.test(harmless) || harmless !== text ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
