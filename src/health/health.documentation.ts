import { type Documentation, type Headers, named, object, oneOf, text } from '../openapi/index.js';
import type { ReadinessReport } from './readiness.js';

const tag = 'Running';
const noStore: Headers = { 'Cache-Control': text('Nothing of it is kept.', 'no-store') };

const readiness = named(
  'Readiness',
  object<ReadinessReport>({
    status: oneOf('Whether the server can do its work.', ['up', 'down']),
    database: oneOf('PostgreSQL takes writes.', ['up', 'down']),
    queue: oneOf('The queue answers.', ['up', 'down']),
    signing_key: oneOf('There is a key to sign with.', ['up', 'down']),
  }),
);

export const getLiveness: Documentation = {
  id: 'getLiveness',
  tag,
  summary: 'Whether the process answers',
  answers: {
    200: {
      description: 'It does.',
      schema: object<{ status: 'up' }>({ status: oneOf('Always.', ['up']) }),
      headers: noStore,
    },
  },
};

export const getReadiness: Documentation = {
  id: 'getReadiness',
  tag,
  summary: 'Whether the server can do its work',
  answers: {
    200: { description: 'It can.', schema: readiness, headers: noStore },
    503: { description: 'Something that it needs is down, or it is stopping.', schema: readiness, headers: noStore },
  },
};
