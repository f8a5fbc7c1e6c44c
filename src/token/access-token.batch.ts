import { canonicalJson, type IssuedTokenEntry, issuedTokensDigest } from '../audit/index.js';
import { newUuid } from '../identifiers/index.js';
import type { AccessTokenRecord } from './access-token-record.js';
import type { TokenTerms } from './token-terms.js';

/** Columns that depend on the terms alone, as they stand in the literals: computed once, used by every batch. */
interface TermsColumns {
  readonly clientId: string;
  readonly scope: string;
  readonly audience: string;
  readonly details: string;
  /** The details as the digest of the batch takes them. */
  readonly canonicalDetails: string;
}

const columnsOfTerms = new WeakMap<TokenTerms, TermsColumns>();

/**
 * The columns of a batch as PostgreSQL array literals, built while walking the batch once: what its tokens share is sent once
 * per context, and the driver has nothing left to serialise. Behind them, the number of contexts, and what the audit chain
 * needs: an identifier of the batch, its size and its digest (security.md D12).
 */
export function batchColumns(records: readonly AccessTokenRecord[]): {
  /** The context of each record. */
  readonly contextOf: number[];
  /** How many there are. */
  readonly contexts: number;
  readonly values: unknown[];
} {
  const contexts = new Map<string, number>();
  const contextOf: number[] = [];
  const shared: string[][] = [];
  let jtis = '';
  let hashes = '';
  let issuedAts = '';
  let requestIds = '';
  let contextIds = '';
  for (const record of records) {
    const key = contextKey(record);
    let context = contexts.get(key);
    if (context === undefined) {
      context = contexts.size;
      contexts.set(key, context);
      shared.push(contextValues(record, context));
    }
    const comma = contextOf.length === 0 ? '' : ',';
    contextOf.push(context);
    jtis += comma + record.jti;
    hashes += `${comma}"\\\\x${record.tokenHash}"`;
    issuedAts += comma + record.issuedAt;
    requestIds += comma + arrayElement(record.origin.requestId);
    contextIds += comma + context;
  }
  const sharedColumns = Array.from({ length: 11 }, (_, column) => shared.map((values) => values[column]).join(','));
  const columns = [...sharedColumns, jtis, hashes, issuedAts, requestIds, contextIds];
  const batchId = newUuid((records[0]?.issuedAt ?? 0) * 1_000);
  const digest = issuedTokensDigest(records.map(issuedEntry));
  return {
    contextOf,
    contexts: shared.length,
    values: [...columns.map((column) => `{${column}}`), shared.length, batchId, records.length, digest],
  };
}

function issuedEntry({ jti, issuedAt, terms, origin }: AccessTokenRecord): IssuedTokenEntry {
  return { id: jti, issuedAt, actorClientId: terms.clientId, ...origin, details: termsColumns(terms).canonicalDetails };
}

/** The digest tells what is absent from what is empty, so records that differ in that share no row. */
function contextKey({ terms, kid, origin }: AccessTokenRecord): string {
  const userAgent = origin.userAgent === undefined ? '' : ` ${origin.userAgent}`;
  return `${terms.id} ${kid} ${origin.ipAddress ?? '-'}${userAgent}`;
}

function contextValues({ terms, kid, origin }: AccessTokenRecord, context: number): string[] {
  const { clientId, scope, audience, details } = termsColumns(terms);
  return [
    String(context),
    clientId,
    terms.clientVersion,
    terms.registryVersion,
    arrayElement(kid),
    scope,
    audience,
    details,
    String(terms.lifetimeSeconds),
    arrayElement(origin.ipAddress),
    arrayElement(origin.userAgent),
  ];
}

function termsColumns(terms: TokenTerms): TermsColumns {
  const known = columnsOfTerms.get(terms);
  if (known !== undefined) return known;
  const scope = terms.scope.join(' ');
  const audience = typeof terms.audience === 'string' ? [terms.audience] : terms.audience;
  const details = { grant_type: terms.grantType, scope, aud: audience };
  const columns = {
    clientId: arrayElement(terms.clientId),
    scope: arrayElement(scope),
    audience: arrayElement(`{${audience.map(arrayElement).join(',')}}`),
    details: arrayElement(JSON.stringify(details)),
    canonicalDetails: canonicalJson(details),
  };
  columnsOfTerms.set(terms, columns);
  return columns;
}

const needsEscape = /["\\]/;

/** A text as an element of an array literal, quoted; NULL where there is none (PostgreSQL manual, §8.15.6). */
function arrayElement(text: string | undefined): string {
  if (text === undefined) return 'NULL';
  if (!needsEscape.test(text)) return `"${text}"`;
  return `"${text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}
