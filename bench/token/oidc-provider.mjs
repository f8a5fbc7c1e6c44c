// The yardstick: oidc-provider that issues the same kind of token – client_credentials, RS256 JWT of RFC 9068 – and commits one
// row per token before it answers, in a PostgreSQL with the settings of Signet's. Set up to its advantage where there was a
// choice: clients in memory, a prepared statement, the library's default scope and resource checks and nothing of our own.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Provider } from 'oidc-provider';
import { Pool } from 'pg';
import { helperOptions } from '../support/processes.mjs';
import { serveUntilStopped } from '../support/yardstick.mjs';

const { dataDir, port, clients, audience, scope } = helperOptions();

const embedded = join(import.meta.dirname, '..', '..', 'dist', 'src', 'database', 'embedded', 'index.js');
const { startEmbeddedPostgres } = await import(pathToFileURL(embedded).href);

const insertToken = 'INSERT INTO oidc_payloads (id, type, payload, client_id, expires_at) VALUES ($1, $2, $3, $4, $5)';

async function createTable(pool) {
  await pool.query(`
    CREATE TABLE oidc_payloads (
      id text PRIMARY KEY,
      type text NOT NULL,
      payload jsonb NOT NULL,
      client_id text NOT NULL,
      expires_at timestamptz NOT NULL
    )`);
}

/** oidc-provider keeps no record of a JWT access token; this commits one before the answer leaves. */
function recordTokens(provider, pool) {
  provider.use(async (ctx, next) => {
    await next();
    const token = ctx.oidc?.entities?.ClientCredentials;
    if (token === undefined) return;
    const { jti, kind, clientId, scope: granted, aud, iat, expiration } = token;
    const expiresAt = new Date(Date.now() + expiration * 1000);
    const payload = JSON.stringify({
      jti,
      kind,
      clientId,
      scope: granted,
      aud,
      iat,
      exp: Math.floor(expiresAt / 1000),
    });
    await pool.query({ name: 'insert_token', text: insertToken, values: [jti, kind, payload, clientId, expiresAt] });
  });
}

function createProvider() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return new Provider(`http://localhost:${port}`, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'bench' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    scopes: scope.split(' '),
    clients: clients.map(({ clientId, clientSecret }) => ({
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      response_types: [],
      scope,
    })),
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope,
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
}

const postgres = await startEmbeddedPostgres({ dataDir, log: console.log });
const pool = new Pool({ connectionString: postgres.url, max: 10 });
await createTable(pool);
const provider = createProvider();
recordTokens(provider, pool);
await serveUntilStopped(provider, { port, pool, postgres });
