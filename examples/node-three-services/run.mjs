// Three services. `core` changes a profile at `profiles`, with a token that it renews after a 401; `profiles` keeps it as state;
// `dashboard` reads it through a cache, and is told when it changes.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSyncedCache, invalidateOnChange, stateKey, stateLoader } from '@signet/sdk/cache';
import { createServiceFetch, TokenManager } from '@signet/sdk/client';
import { createWebhookReceiver, nodeWebhookHandler } from '@signet/sdk/events';
import { requireToken } from '@signet/sdk/express';
import { createTokenVerifier } from '@signet/sdk/resource-server';

const { ISSUER = 'http://localhost:3000', SECRETS_DIR = 'data/three-services' } = process.env;
const { PROFILES_PORT = '8082', DASHBOARD_PORT = '8083' } = process.env;
const audience = 'https://profiles.example.com';

/** What `signet apply` has written for a client, or a subscription. */
const secretsOf = (name) => JSON.parse(readFileSync(`${SECRETS_DIR}/${name}.json`, 'utf8'));

function tokensOf(name) {
  const { client_id: clientId, client_secret: clientSecret } = secretsOf(name);
  return new TokenManager({ issuer: ISSUER, credentials: { clientId, clientSecret } });
}

async function listen(handler, port) {
  const server = createServer(handler).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

// profiles: takes changes of those who may, and tells the server.
const state = createServiceFetch(tokensOf('profiles'), { baseUrl: ISSUER });
const authorize = requireToken(createTokenVerifier({ issuer: ISSUER, audience }), { scope: 'profiles:write' });
let refusals = 1;
const profiles = await listen((request, response) => {
  // As after a revocation: the first token is not taken.
  if (refusals-- > 0) return void response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
  authorize(request, response, async () => {
    const id = request.url.split('/').at(-1);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = { 'content-type': 'application/json' };
    const answer = await state(`/sync/profile/${id}`, { method: 'PUT', headers, body: Buffer.concat(chunks) });
    response.writeHead(answer.status).end(await answer.text());
  });
}, Number(PROFILES_PORT));

// dashboard: keeps what it has read until it is told of a change.
const read = createServiceFetch(tokensOf('dashboard'), { baseUrl: ISSUER });
const cache = createSyncedCache({ load: stateLoader({ issuer: ISSUER, fetch: read }) });
const told = { changes: 0 };
const receiver = createWebhookReceiver({
  secrets: [secretsOf('subscription-dashboard').signing_secret],
  handlers: {
    'state.changed': (event) => {
      invalidateOnChange(cache)(event);
      told.changes += 1;
    },
  },
});
const dashboard = await listen(nodeWebhookHandler(receiver, console.error), Number(DASHBOARD_PORT));

// core: changes a profile, twice.
const call = createServiceFetch(tokensOf('core'), { baseUrl: `http://127.0.0.1:${PROFILES_PORT}`, resource: audience });
const change = async (profile) => {
  const before = told.changes;
  const answer = await call('/profiles/ada', { method: 'PUT', body: JSON.stringify(profile) });
  console.log('core:      changed the profile:', answer.status, (await answer.json()).version);
  while (told.changes === before) await sleep(5);
  console.log('dashboard: was told, and shows:', JSON.stringify(await cache.get(stateKey('profile', 'ada'))));
};
const stamp = new Date().toISOString();
await change({ name: 'Ada', since: stamp });
await change({ name: 'Ada Lovelace', since: stamp });
console.log('dashboard:', JSON.stringify(cache.statistics()));

for (const server of [profiles, dashboard]) {
  server.closeAllConnections();
  server.close();
}
