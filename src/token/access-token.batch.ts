import type { AccessTokenRecord } from './access-token-record.js';

/**
 * The columns of a batch as PostgreSQL array literals, built while walking the batch once: what its tokens share is sent once
 * per context, and the driver has nothing left to serialise.
 */
export function batchColumns(records: readonly AccessTokenRecord[]): { contextOf: number[]; values: string[] } {
  const contexts = new Map<string, number>();
  const contextOf: number[] = [];
  const shared = Array.from({ length: 11 }, () => '');
  const own = Array.from({ length: 5 }, () => '');
  for (const record of records) {
    const key = contextKey(record);
    let context = contexts.get(key);
    if (context === undefined) {
      context = contexts.size;
      contexts.set(key, context);
      append(shared, contextValues(record, context));
    }
    contextOf.push(context);
    append(own, [
      record.jti,
      `"\\\\x${record.tokenHash}"`,
      String(record.issuedAt),
      arrayElement(record.origin.requestId),
      String(context),
    ]);
  }
  return { contextOf, values: [...shared, ...own].map((column) => `{${column}}`) };
}

function contextKey({ terms, kid, origin }: AccessTokenRecord): string {
  return `${terms.id} ${kid} ${origin.ipAddress ?? ''} ${origin.userAgent ?? ''}`;
}

function contextValues({ terms, kid, origin }: AccessTokenRecord, context: number): string[] {
  const scope = terms.scope.join(' ');
  const audience = typeof terms.audience === 'string' ? [terms.audience] : terms.audience;
  return [
    String(context),
    arrayElement(terms.clientId),
    terms.clientVersion,
    terms.registryVersion,
    arrayElement(kid),
    arrayElement(scope),
    arrayElement(`{${audience.map(arrayElement).join(',')}}`),
    arrayElement(JSON.stringify({ grant_type: terms.grantType, scope, aud: audience })),
    String(terms.lifetimeSeconds),
    arrayElement(origin.ipAddress),
    arrayElement(origin.userAgent),
  ];
}

function append(columns: string[], values: readonly string[]): void {
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index] ?? '';
    columns[index] = column === '' ? (values[index] ?? '') : `${column},${values[index]}`;
  }
}

/** A text as an element of an array literal, quoted; NULL where there is none (PostgreSQL manual, §8.15.6). */
function arrayElement(text: string | undefined): string {
  if (text === undefined) return 'NULL';
  return `"${text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}
