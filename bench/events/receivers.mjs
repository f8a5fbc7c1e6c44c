// Receivers of deliveries in a process of their own: each on a port, each with a delay. Told `reset`, they forget what they got;
// asked `seen`, they say what came, and when.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { helperOptions } from '../support/processes.mjs';

const { delays } = helperOptions();
const seen = delays.map(() => []);

const servers = delays.map((delayMs, index) =>
  createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const at = Date.now();
      const { id, subject } = JSON.parse(Buffer.concat(chunks));
      const answer = () => {
        seen[index].push({ id, subject, at, until: Date.now() });
        response.writeHead(204).end();
      };
      if (delayMs === 0) answer();
      else setTimeout(answer, delayMs);
    });
  }).listen(0, '127.0.0.1'),
);
await Promise.all(servers.map((server) => once(server, 'listening')));

process.on('message', ({ ask }) => {
  if (ask === 'reset') for (const list of seen) list.length = 0;
  process.send(ask === 'seen' ? { seen } : { counts: seen.map((list) => list.length) });
});
process.send({ ports: servers.map((server) => server.address().port) });
