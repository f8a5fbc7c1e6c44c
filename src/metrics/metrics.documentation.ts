import { type Documentation, text } from '../openapi/index.js';

export const getMetrics: Documentation = {
  id: 'getMetrics',
  tag: 'Running',
  summary: 'What Prometheus scrapes',
  description: 'Needs no token when it is asked for on the machine of the server itself, without a proxy.',
  answers: {
    200: {
      description: 'Every series of docs/metrics.md.',
      content: {
        'text/plain': text('The text format of Prometheus, version 0.0.4.', 'process_resident_memory_bytes 98238464'),
      },
      headers: { 'Cache-Control': text('Nothing of it is kept.', 'no-store') },
    },
  },
};
