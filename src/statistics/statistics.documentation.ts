import {
  count,
  type Documentation,
  list,
  type MemberSchemas,
  named,
  object,
  oneOf,
  type Schema,
  text,
  time,
} from '../openapi/index.js';
import type { StatisticsAnswer } from './statistics.service.js';

function counts<Members extends object>(description: string, members: MemberSchemas<Members>): Schema {
  return { ...object<Members>(members), description };
}

const statistics = named(
  'Statistics',
  object<StatisticsAnswer>({
    clients: counts<StatisticsAnswer['clients']>('As they are now, whatever the range.', {
      total: count('All of them.', 12),
      active: count('Those that may get tokens.', 11),
      disabled: count('Those that may not.', 1),
    }),
    tokens: counts<StatisticsAnswer['tokens']>('Issued in the range, and what has become of those.', {
      issued: count('The sum of the others.', 480),
      active: count('Live now.', 30),
      revoked: count('Revoked.', 2),
      expired: count('Expired.', 448),
    }),
    requests: counts<StatisticsAnswer['requests']>('Requests at the token endpoint in the range.', {
      succeeded: count('Those that got a token, shared ones included.', 480),
      failed: count('Those that did not.', 3),
      by_error: {
        type: 'object',
        description: 'How many failed with which error of RFC 6749 §5.2.',
        additionalProperties: count('How often.', 3),
        examples: [{ invalid_client: 2, invalid_scope: 1 }],
      },
    }),
    top_clients: list(
      'Most tokens first.',
      object<StatisticsAnswer['top_clients'][number]>({
        client_id: text('The client.', 'billing'),
        issued: count('Its tokens of the range.', 480),
      }),
      { maxItems: 10 },
    ),
    hoarding: list(
      'Clients that hold ten live tokens or more, most first: they ask for new ones long before the old ones end.',
      object<StatisticsAnswer['hoarding'][number]>({
        client_id: text('The client.', 'billing'),
        issued: count('Its tokens of the range.', 480),
        live: count('Its tokens that are live now.', 30),
      }),
      { maxItems: 10 },
    ),
    limited: list(
      'Most requests beyond a limit of their client first.',
      object<StatisticsAnswer['limited'][number]>({
        client_id: text('The client.', 'billing'),
        limit: oneOf('Which limit: `rate_limit_per_minute` or `rate_limit_per_day`.', ['minute', 'day']),
        refused: count('Requests that were refused.', 7),
        would_be_refused: count('Requests that `rate_limit_mode` `report` let pass.', 0),
      }),
      { maxItems: 10 },
    ),
    series: list(
      'Every bucket of the range, oldest first.',
      object<StatisticsAnswer['series'][number]>({
        at: time('The start of the bucket.', '2026-03-01T09:00:00.000Z'),
        issued: count('Tokens.', 480),
        failed: count('Requests that failed.', 3),
      }),
    ),
  }),
);

export const readStatistics: Documentation = {
  id: 'getStatistics',
  tag: 'Statistics',
  summary: 'Tokens and requests over time',
  description: 'Of the token endpoint only. The range is widened to whole hours.',
  query: {
    from: time('The start; absent: a day before `to`. At most 31 days before it by hours, 3,660 by days.'),
    to: time('The end; absent: now.'),
    bucket: oneOf('What the series is cut into; absent: hours, for more than 31 days: days.', ['hour', 'day']),
  },
  answers: { 200: { description: 'All of one moment.', schema: statistics } },
};
