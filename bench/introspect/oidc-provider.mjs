// The yardstick: oidc-provider that answers introspection from PostgreSQL – an opaque access token, one prepared look-up by its
// key. Set up to its advantage where there was a choice: clients in memory, nothing that could be revoked apart from the row.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Provider } from 'oidc-provider';
import { Pool } from 'pg';
import { helperOptions } from '../support/processes.mjs';
import { serveUntilStopped } from '../support/yardstick.mjs';

const { dataDir, port, client, audience, scope } = helperOptions();

const embedded = join(import.meta.dirname, '..', '..', 'dist', 'src', 'database', 'embedded', 'index.js');
const { startEmbeddedPostgres } = await import(pathToFileURL(embedded).href);

const postgres = await startEmbeddedPostgres({ dataDir, log: console.log });
const pool = new Pool({ connectionString: postgres.url, max: 10 });
await pool.query(`
  CREATE TABLE oidc_payloads (
    id text PRIMARY KEY,
    type text NOT NULL,
    payload jsonb NOT NULL,
    expires_at timestamptz NOT NULL
  )`);

const find = 'SELECT payload FROM oidc_payloads WHERE id = $1 AND expires_at > now()';
const insert = 'INSERT INTO oidc_payloads (id, type, payload, expires_at) VALUES ($1, $2, $3, $4)';

/** Only what client credentials and introspection need. */
class PostgresAdapter {
  constructor(type) {
    this.type = type;
  }

  async upsert(id, payload, expiresIn) {
    await pool.query(insert, [id, this.type, JSON.stringify(payload), new Date(Date.now() + expiresIn * 1000)]);
  }

  async find(id) {
    const { rows } = await pool.query({ name: 'find', text: find, values: [id] });
    return rows[0]?.payload;
  }
}

const provider = new Provider(`http://localhost:${port}`, {
  adapter: PostgresAdapter,
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: scope.split(' '),
  clients: [
    {
      client_id: client.clientId,
      client_secret: client.clientSecret,
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      response_types: [],
      scope,
    },
  ],
  ttl: { ClientCredentials: 3600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({ scope, audience, accessTokenTTL: 3600, accessTokenFormat: 'opaque' }),
    },
  },
});
await serveUntilStopped(provider, { port, pool, postgres });
