// An API on Fastify: GET /orders for tokens with the scope read:profile.
import { fastify } from 'fastify';
import { requireToken } from '@signet/sdk/fastify';
import { createTokenVerifier } from '@signet/sdk/resource-server';

const { ISSUER = 'http://localhost:3000', AUDIENCE = 'https://orders.example.com', PORT = '8080' } = process.env;

const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE });
const app = fastify();
app.decorateRequest('auth');

app.get('/orders', { onRequest: requireToken(verifier, { scope: 'read:profile' }) }, (request) => ({
  orders: ['order-1'],
  for: request.auth.clientId,
}));
app.delete('/orders', { onRequest: requireToken(verifier, { scope: 'manage:orders' }) }, (_, reply) => {
  reply.code(204).send();
});

await app.listen({ port: Number(PORT), host: '127.0.0.1' });
console.log(`listening on http://localhost:${PORT}`);
