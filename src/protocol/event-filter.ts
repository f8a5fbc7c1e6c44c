/** A value that a condition compares with: of the type that it must have in the event. */
type Scalar = string | number | boolean | null;

/** One condition as it is evaluated: all of its members hold, of one value each. */
interface Condition {
  readonly equals?: Scalar;
  readonly anythingBut?: readonly Scalar[];
  readonly prefix?: string;
  readonly suffix?: string;
  readonly exists?: boolean;
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
}

interface Rule {
  readonly path: readonly string[];
  /** One of them must hold. */
  readonly conditions: readonly Condition[];
}

/** A content filter that was read: every rule must hold. */
export interface EventFilter {
  readonly rules: readonly Rule[];
}

/** Says what is wrong with a part of a filter; `pointer` is relative to the filter (RFC 6901). */
export type ReportFilterFault = (pointer: string, detail: string) => void;

/** How big a filter may be, so that it costs little at each event. */
export const eventFilterLimits = { paths: 20, conditions: 100, segments: 10, path: 256, text: 1024 } as const;

const comparisons = ['gt', 'gte', 'lt', 'lte'] as const;
const operators = ['equals', 'anything_but', 'prefix', 'suffix', 'exists', ...comparisons];

/**
 * Reads a content filter (docs/events.md "Content filters"): an object of paths into the event, each with a list of conditions of
 * which one must hold. What is faulty is reported and left out.
 *
 * @param filter parsed JSON
 */
export function readEventFilter(filter: unknown, report: ReportFilterFault): EventFilter {
  if (!isObject(filter)) {
    report('', 'must be an object');
    return { rules: [] };
  }
  const paths = Object.entries(filter);
  if (paths.length > eventFilterLimits.paths) report('', `must not have more than ${eventFilterLimits.paths} paths`);
  const rules = paths.map(([path, conditions]) => readRule(path, conditions, report));
  const count = rules.reduce((sum, { conditions }) => sum + conditions.length, 0);
  if (count > eventFilterLimits.conditions) {
    report('', `must not have more than ${eventFilterLimits.conditions} conditions`);
  }
  return { rules };
}

function readRule(path: string, conditions: unknown, report: ReportFilterFault): Rule {
  const pointer = `/${path.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const segments = path.split('.');
  const fault = pathFault(path, segments);
  if (fault !== undefined) report(pointer, fault);
  if (!Array.isArray(conditions) || conditions.length === 0) {
    report(pointer, 'must be a list of at least one condition');
    return { path: segments, conditions: [] };
  }
  const read = conditions.map((condition: unknown, index) =>
    readCondition(condition, (detail, member = '') => report(`${pointer}/${index}${member}`, detail)),
  );
  return { path: segments, conditions: read.filter((condition) => condition !== undefined) };
}

function pathFault(path: string, [first = '', ...below]: readonly string[]): string | undefined {
  const { path: maxLength, segments } = eventFilterLimits;
  if (path.length > maxLength) return `must be a path of at most ${maxLength} characters`;
  if (!/^[a-z0-9]+$/.test(first)) return 'must begin with the name of an attribute, or with data';
  if (below.length > 0 && first !== 'data') return 'must not lead below an attribute; only data has members';
  if (below.includes('')) return 'must not have an empty segment';
  if (below.length >= segments) return `must not have more than ${segments} segments`;
  return undefined;
}

function readCondition(condition: unknown, report: (detail: string, member?: string) => void): Condition | undefined {
  if (isScalar(condition)) {
    const fault = scalarFault(condition);
    if (fault !== undefined) report(fault);
    return { equals: condition };
  }
  const entries = isObject(condition) ? Object.entries(condition) : [];
  if (entries.length === 0) {
    report(`must be a text, a number, true, false, null, or an object of ${operators.join(', ')}`);
    return undefined;
  }
  for (const [name, operand] of entries) {
    const fault = operandFault(name, operand);
    if (fault !== undefined) report(fault, `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
  const { anything_but: anythingBut, ...others } = condition as Record<string, unknown>;
  if (anythingBut === undefined) return others;
  return {
    ...(others as Condition),
    anythingBut: (Array.isArray(anythingBut) ? anythingBut : [anythingBut]) as Scalar[],
  };
}

function operandFault(name: string, operand: unknown): string | undefined {
  switch (name) {
    case 'equals':
      return isScalar(operand) ? scalarFault(operand) : 'must be a text, a number, true, false or null';
    case 'anything_but':
      return anythingButFault(operand);
    case 'prefix':
    case 'suffix':
      return typeof operand === 'string' && operand !== '' ? scalarFault(operand) : 'must be a text that is not empty';
    case 'exists':
      return typeof operand === 'boolean' ? undefined : 'must be true or false';
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return typeof operand === 'number' ? undefined : 'must be a number';
    default:
      return `is not an operator; there are ${operators.join(', ')}`;
  }
}

function anythingButFault(operand: unknown): string | undefined {
  const list = Array.isArray(operand) ? (operand as readonly unknown[]) : [operand];
  if (list.length === 0 || list.length > eventFilterLimits.conditions || !list.every(isScalar)) {
    return `must be a text, a number, true, false or null, or a list of 1 to ${eventFilterLimits.conditions} of them`;
  }
  return list.map(scalarFault).find((fault) => fault !== undefined);
}

function scalarFault(value: Scalar): string | undefined {
  const { text } = eventFilterLimits;
  return typeof value === 'string' && value.length > text ? `must be at most ${text} characters` : undefined;
}

/**
 * Whether the event passes the filter. Takes time in proportion to the size of the event.
 *
 * @param event the CloudEvent as parsed JSON
 */
export function passesFilter(filter: EventFilter, event: Readonly<Record<string, unknown>>): boolean {
  return filter.rules.every(({ path, conditions }) => {
    const found = lookUp(event, path);
    const values = found.flatMap(spread);
    return conditions.some((condition) => holds(condition, found.length > 0, values));
  });
}

/** What the path leads to: of a list on the way, in each of its items. */
function lookUp(event: Readonly<Record<string, unknown>>, path: readonly string[]): unknown[] {
  let found: unknown[] = [event];
  for (const segment of path) {
    found = found
      .flatMap(spread)
      .flatMap((value) => (isObject(value) && Object.hasOwn(value, segment) ? [value[segment]] : []));
  }
  return found;
}

/** The items of a list; anything else as it is. A list within a list is one more level. */
function spread(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

function holds(condition: Condition, exists: boolean, values: readonly unknown[]): boolean {
  if (condition.exists !== undefined && condition.exists !== exists) return false;
  const { anythingBut } = condition;
  if (anythingBut !== undefined) {
    const refused = new Set<unknown>(anythingBut);
    if (values.length === 0 || values.some((value) => refused.has(value))) return false;
  }
  return !looksAtOneValue(condition) || values.some((value) => fits(condition, value));
}

function looksAtOneValue({ equals, prefix, suffix, gt, gte, lt, lte }: Condition): boolean {
  return [equals, prefix, suffix, gt, gte, lt, lte].some((operand) => operand !== undefined);
}

function fits({ equals, prefix, suffix, gt, gte, lt, lte }: Condition, value: unknown): boolean {
  if (equals !== undefined && value !== equals) return false;
  if (prefix !== undefined && !(typeof value === 'string' && value.startsWith(prefix))) return false;
  if (suffix !== undefined && !(typeof value === 'string' && value.endsWith(suffix))) return false;
  if (gt === undefined && gte === undefined && lt === undefined && lte === undefined) return true;
  return (
    typeof value === 'number' &&
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte)
  );
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
