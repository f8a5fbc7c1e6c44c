/** How the system completes names (resolv.conf(5)). */
export interface SearchList {
  readonly domains: readonly string[];
  /** A name with fewer dots is completed before it is taken as it is. */
  readonly ndots: number;
}

const defaultNdots = 1;
const maxNdots = 15;

/** Reads the search list; the last `search` or `domain` counts. */
export function parseSearchList(text: string): SearchList {
  let domains: string[] = [];
  let ndots = defaultNdots;
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') domains = values;
    if (keyword === 'domain') domains = values.slice(0, 1);
    if (keyword !== 'options') continue;
    for (const value of values) {
      const given = /^ndots:(\d+)$/.exec(value)?.[1];
      if (given !== undefined) ndots = Math.min(Number(given), maxNdots);
    }
  }
  return { domains: domains.map((domain) => domain.replace(/\.$/, '')), ndots };
}

/** The names to ask for one after the other until one has an address. */
export function candidates(hostname: string, { domains, ndots }: SearchList): readonly string[] {
  const completed = domains.map((domain) => (domain === '' ? hostname : `${hostname}.${domain}`));
  const dots = hostname.split('.').length - 1;
  return [...new Set(dots >= ndots ? [hostname, ...completed] : [...completed, hostname])];
}
