// What HTTP alone costs: a fixed answer of a token's size with Signet's headers, on bare Fastify.
import Fastify from 'fastify';
import { answerHeaders } from '../support/least.mjs';
import { helperOptions } from '../support/processes.mjs';

const { port } = helperOptions();

const answer = JSON.stringify({
  access_token: 'x'.repeat(760),
  token_type: 'Bearer',
  expires_in: 600,
  scope: 'read:profile read:features',
});

const fastify = Fastify({ logger: false });
fastify.removeAllContentTypeParsers();
fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
fastify.post('/oauth/token', (_request, reply) => {
  reply.headers(answerHeaders).send(answer);
});
await fastify.listen({ port, host: '127.0.0.1' });
process.send({ ready: true });
