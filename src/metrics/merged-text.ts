/**
 * Several texts of the Prometheus format, version 0.0.4, as one: what belongs to a metric stands together, under one `# HELP`
 * and one `# TYPE`. Their series must differ in a label.
 *
 * @param texts with an empty line between two metrics, as prom-client writes them
 */
export function mergedText(texts: readonly string[]): string {
  const metrics = new Map<string, string[]>();
  for (const text of texts) {
    for (const metric of text.trimEnd().split('\n\n')) {
      const [help = '', type = '', ...samples] = metric.split('\n');
      const known = metrics.get(help);
      if (known === undefined) metrics.set(help, [help, type, ...samples]);
      else known.push(...samples);
    }
  }
  return `${[...metrics.values()].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
