import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit, auditKeys, chainExportHeader, readChain, type StoredEntry, TokenBatches } from '../audit/index.js';
import { inTransaction } from '../database/index.js';
import { DerivedKeys, KeyWrappers, wrapperInUse } from '../encryption/index.js';
import { type Query, queryParameter } from '../http/index.js';
import { badRequest } from '../protocol/index.js';
import { type AuditEntryAnswer, auditEntryAnswer, positionOf } from './audit-log.answer.js';
import {
  type AuditLogFilter,
  booleanParameter,
  filterDetails,
  filterKey,
  readAuditLogFilter,
} from './audit-log-filter.js';
import { AuditLogRepository } from './audit-log.repository.js';
import { csvLine } from './csv.js';

const formats = {
  ndjson: { contentType: 'application/x-ndjson', fileName: 'audit-log.ndjson' },
  csv: { contentType: 'text/csv; charset=utf-8; header=present', fileName: 'audit-log.csv' },
} as const;

type Format = keyof typeof formats;

const entriesPerPage = 500;

/** About how much text goes out at once, in characters. */
const chunkLength = 65_536;

const csvColumns = [
  'id',
  'occurred_at',
  'action',
  'success',
  'actor_client_id',
  'target_type',
  'target_id',
  'ip_address',
  'user_agent',
  'request_id',
  'details',
  'error',
] as const satisfies (keyof AuditEntryAnswer)[];

/** A file that is made while it is sent. */
export interface ExportedFile {
  readonly contentType: string;
  readonly fileName: string;
  readonly content: Readable;
}

/** The use case that hands the audit log out as a whole. */
@Injectable()
export class AuditLogExport {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(AuditLogRepository) private readonly entries: AuditLogRepository,
    @Inject(TokenBatches) private readonly batches: TokenBatches,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(KeyWrappers) private readonly wrappers: KeyWrappers,
  ) {}

  /**
   * The entries that the filters select, newest first, one per line, as they are read: however many there are, a page of them
   * is in memory. With `chain=true` the whole log in the order of its chain, to be verified without the database
   * (docs/audit.md). That it was exported is an entry itself, and no part of what is exported newest first.
   *
   * @throws Problem 400 for a bad `format`, `chain` or filter
   * @throws DatabaseUnavailable
   */
  async export(caller: Caller, query: Query): Promise<ExportedFile> {
    const format = readFormat(query);
    const filter = readAuditLogFilter(query);
    const chain = booleanParameter(query, 'chain') === true;
    if (chain && (format !== 'ndjson' || filterKey(filter) !== filterKey(readAuditLogFilter({})))) {
      throw badRequest([{ pointer: '/chain', detail: 'takes the whole log, as ndjson' }]);
    }
    const first = chain ? [] : await this.entries.page(filter, entriesPerPage);
    if (chain) await this.batches.link();
    await this.record(caller, { format, chain: chain || undefined, ...filterDetails(filter) });
    const lines = chain ? this.chainLines() : this.entryLines(filter, format, first);
    const content = Readable.from(chunks(lines), { highWaterMark: 1 });
    return { ...formats[format], content };
  }

  private async record(caller: Caller, details: Readonly<Record<string, unknown>>): Promise<void> {
    await inTransaction(this.dataSource, (tx) =>
      this.audit.record(tx, {
        action: 'audit.exported',
        actorClientId: caller.clientId,
        targetType: 'audit_log',
        origin: caller.origin,
        details,
      }),
    );
  }

  private async *entryLines(
    filter: AuditLogFilter,
    format: Format,
    first: readonly StoredEntry[],
  ): AsyncGenerator<string> {
    if (format === 'csv') yield csvLine(csvColumns);
    let page = first;
    for (;;) {
      for (const entry of page)
        yield format === 'csv' ? csvOf(auditEntryAnswer(entry)) : jsonOf(auditEntryAnswer(entry));
      const last = page.at(-1);
      if (last === undefined || page.length < entriesPerPage) return;
      page = await this.entries.page(filter, entriesPerPage, positionOf(last));
    }
  }

  private async *chainLines(): AsyncGenerator<string> {
    const { manager } = this.dataSource;
    const wrapper = await wrapperInUse(manager, this.wrappers);
    yield jsonOf(await chainExportHeader(wrapper, auditKeys(this.derivedKeys)));
    for await (const record of readChain(manager)) yield jsonOf(record);
  }
}

async function* chunks(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let chunk = '';
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < chunkLength) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}

function readFormat(query: Query): Format {
  const format = queryParameter(query, 'format') ?? 'ndjson';
  if (format !== 'ndjson' && format !== 'csv') {
    throw badRequest([{ pointer: '/format', detail: 'must be ndjson or csv' }]);
  }
  return format;
}

function jsonOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function csvOf(entry: AuditEntryAnswer): string {
  return csvLine(
    csvColumns.map((column) => {
      const value = entry[column];
      return value === null || typeof value === 'string' ? value : JSON.stringify(value);
    }),
  );
}
