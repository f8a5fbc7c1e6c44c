// Calls the API with a token of its own: SERVICE_TOKEN_URL, SERVICE_CLIENT_ID and SERVICE_CLIENT_SECRET say where from.
import { createServiceFetch, TokenManager } from '@signet/sdk/client';

const { API_URL = 'http://localhost:8080', AUDIENCE = 'https://orders.example.com' } = process.env;

const orders = createServiceFetch(TokenManager.fromEnvironment(), {
  baseUrl: API_URL,
  resource: AUDIENCE,
  scope: 'read:profile',
});

const response = await orders('/orders');
console.log(response.status, await response.text());
