// Signet as it is shipped, in a process of its own on an embedded PostgreSQL of its own.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { temporaryDirectory } from './lifetime.mjs';
import { introspectionRequest, tokenRequest } from './load.mjs';
import { embeddedPostgres, familyCpuMs, processCpuMs, residentMiB } from './proc.mjs';
import { freePort, startServer } from './processes.mjs';

const thisProject = join(import.meta.dirname, '..', '..');

/** The options of Node.js that `npm start` and the image run it with. */
const shippedOptions = ['--disable-proto=delete', '--max-semi-space-size=4', '--heap-growing-percent=50'];

/** What the clients of a bench may ask for, and do. */
export const benchScope = 'read:profile read:features';
export const benchAudience = 'https://api.example.com';

/**
 * Starts the built server with the default configuration.
 *
 * @param {{ parent?: string, signingAlg?: string, nodeOptions?: string[], clients?: number, env?: Record<string, string>, project?: string }}
 *   options `parent`: where its data goes; `clients`: how many clients to register; `env`: settings beside the default ones;
 *   `project`: the checkout whose build is started, this one unless given
 */
export async function startSignet(options) {
  const { parent, signingAlg = 'RS256', nodeOptions = [], clients = 1, env = {}, project = thisProject } = options;
  const entry = join(project, 'dist', 'src', 'main.js');
  if (!existsSync(entry)) throw new Error(`there is no build in ${project}: run \`npm run build\` there first`);
  // The server reads a .env of its working directory.
  const cwd = temporaryDirectory(parent);
  const dataDir = join(cwd, 'data');
  const port = await freePort();
  const admin = { clientId: 'bench-admin', clientSecret: randomBytes(32).toString('base64url') };
  const child = await startServer({
    name: `Signet (${signingAlg})`,
    args: [...shippedOptions, ...nodeOptions, entry],
    cwd,
    env: {
      ...essentials(),
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: dataDir,
      SIGNING_ALG: signingAlg,
      BOOTSTRAP_CLIENT_ID: admin.clientId,
      BOOTSTRAP_CLIENT_SECRET: admin.clientSecret,
      ...env,
    },
    url: `http://127.0.0.1:${port}/health/ready`,
  });
  const server = new Signet(child, port, embeddedPostgres(dataDir), admin);
  await server.registerClients(clients);
  return server;
}

/** Settings of the shell that runs the bench must not reach the server. */
function essentials() {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'UV_THREADPOOL_SIZE'];
  return Object.fromEntries(names.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
}

class Signet {
  /** Token requests, one per client. */
  tokenRequests = [];

  #admin;

  constructor(child, port, postgres, admin) {
    this.#admin = admin;
    this.child = child;
    this.pid = child.pid;
    this.port = port;
    this.issuer = `http://localhost:${port}`;
    this.postgres = postgres;
  }

  /** CPU time so far, in milliseconds: the server, and its PostgreSQL with every process of it. */
  cpuMs() {
    return { node: processCpuMs(this.pid), postgres: familyCpuMs(this.postgres.pid) };
  }

  residentMiB() {
    return residentMiB(this.pid);
  }

  async registerClients(count) {
    const bearer = await this.#token(this.#admin, 'admin:oauth');
    for (let index = 0; index < count; index += 1) {
      const members = { client_name: `Bench ${index}`, client_id: `bench-${index}`, scope: benchScope };
      const client = await this.#register(bearer, { ...members, audience: [benchAudience] });
      this.tokenRequests.push(tokenRequest({ ...client, path: '/oauth/token', scope: benchScope }));
    }
  }

  /**
   * Introspection requests of a resource server, each about another token that was issued for its API.
   *
   * @returns {Promise<string[]>}
   */
  async introspectionRequests(count) {
    const bearer = await this.#token(this.#admin, 'admin:oauth');
    const issuer = await this.#register(bearer, {
      client_name: 'Caller',
      scope: benchScope,
      audience: [benchAudience],
    });
    const api = await this.#register(bearer, { client_name: 'API', resource_identifiers: [benchAudience] });
    const requests = [];
    while (requests.length < count) {
      const token = await this.#token(issuer, benchScope);
      requests.push(introspectionRequest({ ...api, path: '/oauth/introspect', token }));
    }
    return requests;
  }

  /** A token for the admin API, fresh. */
  adminToken(scope = 'admin:oauth') {
    return this.#token(this.#admin, scope);
  }

  /** A token with which a new client publishes events; its `client_id` is the source. */
  async publisherToken(clientId) {
    const bearer = await this.adminToken();
    const members = { client_name: clientId, client_id: clientId, scope: 'events:publish' };
    return this.#token(await this.#register(bearer, members), 'events:publish');
  }

  async #register(bearer, members) {
    const response = await fetch(`http://127.0.0.1:${this.port}/admin/oauth/clients`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify(members),
    });
    const { client_id: clientId, client_secret: clientSecret } = await answerOf(response, 201);
    return { clientId, clientSecret };
  }

  async #token({ clientId, clientSecret }, scope) {
    const response = await fetch(`http://127.0.0.1:${this.port}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    return (await answerOf(response, 200)).access_token;
  }

  /** How many tokens, and audit entries of issued tokens, are committed. */
  async durableRows() {
    const client = new Client({ connectionString: this.postgres.url });
    await client.connect();
    try {
      const { rows } = await client.query(`
        SELECT (SELECT count(*)::int FROM access_tokens) AS "access_tokens",
          (SELECT count(*)::int FROM audit_log WHERE action = 'token.issued' AND success) AS "audit_log"`);
      return rows[0];
    } finally {
      await client.end();
    }
  }
}

async function answerOf(response, status) {
  if (response.status !== status) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response.json();
}
