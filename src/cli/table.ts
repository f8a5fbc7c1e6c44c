import { printable } from './printable.js';

/** One column of a table: its heading, and what stands in it. */
export interface Column<Row> {
  readonly heading: string;
  readonly of: (row: Row) => unknown;
}

/** Rows under their headings, the columns as wide as they must be; one line each. */
export function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => columns.map(({ of }) => cellOf(of(row))))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? '').length)));
  return cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The members of one thing under each other. What is unset or empty is left out. */
export function recordOf(members: Readonly<Record<string, unknown>>): string[] {
  const shown = Object.entries(members).filter(([, value]) => !isEmpty(value));
  const width = Math.max(0, ...shown.map(([name]) => printable(name).length));
  return shown.map(([name, value]) => `${printable(name).padEnd(width)}  ${cellOf(value)}`);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value === '' ? '-' : printable(timeOf(value));
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value.length === 0 ? '-' : printable(value.join(', '));
  }
  return printable(JSON.stringify(value));
}

/** Times to the second. */
function timeOf(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$/, '$1Z');
}
