/** docs/metrics.md and the dashboard tell of the series that the server has, and of no others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Measurements } from '../../src/measurements/index.js';
import { parseExposition } from '../support/exposition.js';
import { startServer, type TestServer } from '../support/server.js';

const docs = join(import.meta.dirname, '..', '..', 'docs');
const page = readFileSync(join(docs, 'metrics.md'), 'utf8');
const dashboard = JSON.parse(readFileSync(join(docs, 'grafana-dashboard.json'), 'utf8')) as Dashboard;

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Series {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

let server: TestServer;
let series: readonly Series[];

beforeAll(async () => {
  server = await startServer();
  series = server.running.app.get(Measurements, { strict: false }).definitions;
});

afterAll(async () => {
  await server?.stop();
});

/** The rows of the table of series, as they are written. */
function documented(): Series[] {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => {
    const [, name = '', type = '', labels = '', help = '', watch = ''] = row
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    expect(watch).not.toBe('');
    return { name: name.replaceAll('`', ''), type, labels: labels.match(/[a-z_]+/g) ?? [], help };
  });
}

const byName = (a: Series, b: Series) => a.name.localeCompare(b.name);

it('the table of docs/metrics.md is what the code defines', () => {
  expect(documented().toSorted(byName)).toEqual(
    series.map(({ name, type, labels, help }) => ({ name, type, labels, help })).toSorted(byName),
  );
});

it('and what a scrape says', async () => {
  const metrics = parseExposition(await (await server.fetch('/metrics')).text());
  expect([...metrics.values()].map(({ name, type, help }) => ({ name, type, help }))).toEqual(
    series.map(({ name, type, help }) => ({ name, type, help })),
  );
  for (const { name, samples } of metrics.values()) {
    const known = series.find((one) => one.name === name)?.labels ?? [];
    for (const { labels } of samples) expect([...known, 'le']).toEqual(expect.arrayContaining(Object.keys(labels)));
  }
});

it('names are of the ways of Prometheus', () => {
  for (const { name, type, labels, help } of series) {
    expect(name).toMatch(/^(signet|process|nodejs)_[a-z0-9_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_(seconds|size)$/);
    // Prometheus puts these on every series itself.
    expect(labels).not.toContain('job');
    expect(labels).not.toContain('instance');
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
});

/** Every name of a series, with the three of each histogram. */
function exposedNames(): Set<string> {
  return new Set(
    series.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

/** What a query asks for: each selector with the labels that it names, and those that the query groups by. */
function checkQuery(query: string): void {
  const exposed = exposedNames();
  const selectors = [...query.matchAll(/\b((?:signet|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
  expect(selectors.length).toBeGreaterThan(0);
  const labels = new Set(['job', 'instance', 'process', 'le']);
  for (const [, name = '', matchers = ''] of selectors) {
    expect(exposed).toContain(name);
    const own = series.find((one) => one.name === name || new RegExp(`^${one.name}_(bucket|sum|count)$`).test(name));
    for (const label of own?.labels ?? []) labels.add(label);
    for (const [, label] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)) expect(labels).toContain(label);
  }
  for (const [, grouped = ''] of query.matchAll(/by \(([^)]*)\)/g)) {
    for (const label of grouped.split(/,\s*/)) expect(labels).toContain(label);
  }
  for (const [open, close] of ['()', '{}', '[]']) {
    expect(query.split(open ?? '').length).toBe(query.split(close ?? '').length);
  }
}

it('every query of the dashboard asks for series and labels that there are', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  expect(panels.length).toBeGreaterThan(20);
  for (const { targets = [] } of panels) {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr } of targets) checkQuery(expr);
  }
  for (const { definition } of dashboard.templating.list) if (definition !== undefined) checkQuery(definition);
});

it('the dashboard leaves no series out but those of little use', () => {
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n');
  const missing = series.map(({ name }) => name).filter((name) => !queries.includes(name));
  expect(missing).toEqual([
    'nodejs_heap_size_total_bytes',
    'nodejs_external_memory_bytes',
    'nodejs_eventloop_lag_mean_seconds',
    'nodejs_eventloop_lag_p50_seconds',
  ]);
});

it('its panels have numbers of their own and do not overlap', () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const [index, { gridPos: a }] of panels.entries()) {
    expect(a.x + a.w).toBeLessThanOrEqual(24);
    for (const { gridPos: b } of panels.slice(index + 1)) {
      expect(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true);
    }
  }
});

it('every alert of docs/metrics.md asks for series and labels that there are', () => {
  const alerts = [...page.matchAll(/^\s+expr: (.+)$/gm)];
  expect(alerts.length).toBeGreaterThan(5);
  for (const [, query = ''] of alerts) checkQuery(query);
});
