import {
  count,
  type Documentation,
  exampleOf,
  flag,
  named,
  nullable,
  object,
  oneOf,
  pageOfItems,
  pageQuery,
  type Schema,
  text,
  time,
} from '../openapi/index.js';
import type { AuditEntryAnswer } from './audit-log.answer.js';
import type { VerificationAnswer } from './audit-log.service.js';
import { csvLine } from './csv.js';

const tag = 'Audit log';

const entry = named(
  'AuditEntry',
  object<AuditEntryAnswer>({
    id: text('Names the entry.', '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d'),
    occurred_at: time('When it happened.'),
    action: text('What happened.', 'client.created'),
    success: flag('Whether it was done, or refused.', true),
    actor_client_id: nullable(text('Who did it; for a refusal, who it claimed to be.', 'admin')),
    target_type: nullable(text('What it was done to.', 'client')),
    target_id: nullable(text('Its public identifier.', 'billing')),
    ip_address: nullable(text('Where the request came from.', '192.0.2.7')),
    user_agent: nullable(text('With what.', 'undici')),
    request_id: nullable(text('`X-Request-Id` of the answer.', '01JNB8Z7Y6X5W4V3T2S1')),
    details: { type: ['object', 'null'], description: 'What else is to be said; never a secret.', examples: [{}] },
    error: nullable(text('Why it was refused.', 'insufficient_scope'), null),
  }),
);

const filters: Readonly<Record<string, Schema>> = {
  client_id: text('Who acted, or the client that it was about.', 'billing', { minLength: 1, maxLength: 256 }),
  action: text('Only this action.', 'client.created'),
  success: { type: 'boolean', description: 'Only what was done, or only what was refused.', examples: [false] },
  from: time('Nothing from before.'),
  to: time('Nothing from then on.'),
};

const verification = named(
  'AuditVerification',
  object<VerificationAnswer>(
    {
      intact: flag('Whether nothing was changed, removed or put in.', true),
      entries: count('Entries that the chain proves: all, or those before the first break.', 1204),
      pruned: count('Entries that retention has removed, accounted for in the chain.', 350),
      broken_at: {
        ...object<Required<VerificationAnswer>['broken_at']>({
          seq: nullable(count('The link of the chain.', 17)),
          id: nullable(text('The entry, where it is known.', '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d')),
          reason: text('What is wrong there.', 'entry_changed'),
        }),
        description: 'The first break.',
      },
    },
    ['pruned', 'broken_at'],
  ),
);

const shown = exampleOf(entry) as Readonly<Record<string, unknown>>;
const cells = Object.values(shown).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));

export const listAuditEntries: Documentation = {
  id: 'listAuditEntries',
  tag,
  summary: 'List what happened',
  description:
    'Newest first. Reading is an entry itself (`audit.read`), and no part of the page that it is about: one for further pages and repeated requests of the same client, address and filters within ten minutes.',
  query: { ...pageQuery, ...filters },
  answers: { 200: { description: 'A page of entries.', schema: pageOfItems('AuditEntry', entry) } },
};

export const exportAuditLog: Documentation = {
  id: 'exportAuditLog',
  tag,
  summary: 'Export what happened',
  description:
    'Newest first, streamed. With `chain` the whole log as `ndjson` in the order of its chain, to be verified without the database. The export is an entry itself.',
  query: {
    format: { ...oneOf('How it is written.', ['ndjson', 'csv']), default: 'ndjson' },
    chain: {
      type: 'boolean',
      description: 'The whole log, in the order of its chain.',
      default: false,
      examples: [false],
    },
    ...filters,
  },
  answers: {
    200: {
      description: 'The entries, one per line.',
      content: {
        'application/x-ndjson': text('A JSON object per line, as in the list.', `${JSON.stringify(shown)}\n`),
        'text/csv': text(
          'RFC 4180, with a header; texts that a spreadsheet would run begin with an apostrophe.',
          csvLine(Object.keys(shown)) + csvLine(cells),
        ),
      },
      headers: { 'Content-Disposition': text('The name of the file.', 'attachment; filename="audit-log.ndjson"') },
    },
  },
};

export const verifyAuditLog: Documentation = {
  id: 'verifyAuditLog',
  tag,
  summary: 'Verify that nobody has touched the log',
  answers: { 200: { description: 'What the hash chain says.', schema: verification } },
};
