// An API on Express: GET /orders for tokens with the scope read:profile.
import express from 'express';
import { requireToken } from '@signet/sdk/express';
import { createTokenVerifier } from '@signet/sdk/resource-server';

const { ISSUER = 'http://localhost:3000', AUDIENCE = 'https://orders.example.com', PORT = '8080' } = process.env;

const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE });
const app = express();

app.get('/orders', requireToken(verifier, { scope: 'read:profile' }), (request, response) => {
  response.json({ orders: ['order-1'], for: request.auth.clientId });
});
app.delete('/orders', requireToken(verifier, { scope: 'manage:orders' }), (_, response) => {
  response.status(204).end();
});

app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on http://localhost:${PORT}`));
