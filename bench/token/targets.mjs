// Everything that a run measures, started and warm.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { temporaryDirectory } from '../support/lifetime.mjs';
import { httpRequest, tokenRequest } from '../support/load.mjs';
import { embeddedPostgres, familyCpuMs, processCpuMs, residentMiB } from '../support/proc.mjs';
import { freePort, startHelper } from '../support/processes.mjs';
import { benchAudience, benchScope, startSignet } from '../support/signet.mjs';

/** A server under load: where it is, what it has used so far, what has been asked of it and what it has stored. */
function target(name, server, requests, more) {
  return {
    name,
    port: server.port,
    cpuMs: () => server.cpuMs(),
    traffic: { requests, expected: 200 },
    answers: 0,
    ...more,
  };
}

/** Checks tokens as a resource server would. */
function verifier(port, issuer, jwksPath, alg) {
  const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${port}${jwksPath}`));
  return async (bodies) => {
    for (const body of bodies) {
      const { access_token: token, token_type: type, scope } = JSON.parse(body);
      if (type !== 'Bearer' || scope !== benchScope) throw new Error(`not the answer that was asked for: ${body}`);
      await jwtVerify(token, keys, { issuer, audience: benchAudience, typ: 'at+jwt', algorithms: [alg] });
    }
  };
}

async function signetTarget(name, signingAlg, { parent, clients, project }) {
  const server = await startSignet({ parent, signingAlg, clients, project });
  const before = await server.durableRows();
  return target(name, server, server.tokenRequests, {
    verify: verifier(server.port, server.issuer, '/.well-known/jwks.json', signingAlg),
    residentMiB: () => server.residentMiB(),
    storedRows: async () => {
      const after = await server.durableRows();
      return Object.fromEntries(Object.entries(after).map(([table, rows]) => [table, rows - before[table]]));
    },
  });
}

async function oidcProviderTarget({ parent, clients: count }) {
  const dataDir = join(temporaryDirectory(parent), 'data');
  const port = await freePort();
  const clients = Array.from({ length: count }, (_, index) => ({
    clientId: `bench-${index}`,
    clientSecret: randomBytes(32).toString('base64url'),
  }));
  const options = { dataDir, port, clients, audience: benchAudience, scope: benchScope };
  const { child } = await startHelper(join(import.meta.dirname, 'oidc-provider.mjs'), options);
  const postgres = embeddedPostgres(dataDir);
  const cpuMs = () => ({ node: processCpuMs(child.pid), postgres: familyCpuMs(postgres.pid) });
  const requests = clients.map((client) => tokenRequest({ ...client, path: '/token', scope: benchScope }));
  return target('oidc-provider', { port, cpuMs }, requests, {
    verify: verifier(port, `http://localhost:${port}`, '/jwks', 'RS256'),
    residentMiB: () => residentMiB(child.pid),
    storedRows: () => rowsOf(postgres.url, 'oidc_payloads'),
  });
}

async function rowsOf(url, table) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(`SELECT count(*)::int AS ${table} FROM ${table}`);
    return rows[0];
  } finally {
    await client.end();
  }
}

async function minimumTarget(name, alg, { parent }) {
  const dataDir = join(temporaryDirectory(parent), 'data');
  const port = await freePort();
  const options = { dataDir, port, alg, audience: benchAudience, scope: benchScope };
  const { child } = await startHelper(join(import.meta.dirname, 'minimum.mjs'), options);
  const postgres = embeddedPostgres(dataDir);
  const credentials = { clientId: 'bench-0', clientSecret: 'x'.repeat(59) };
  const requests = [tokenRequest({ ...credentials, path: '/oauth/token', scope: benchScope })];
  const cpuMs = () => ({ node: processCpuMs(child.pid), postgres: familyCpuMs(postgres.pid) });
  return target(name, { port, cpuMs }, requests, {
    storedRows: () => rowsOf(postgres.url, 'tokens'),
  });
}

async function floorTarget() {
  const port = await freePort();
  const { child } = await startHelper(join(import.meta.dirname, 'floor.mjs'), { port });
  const credentials = { clientId: 'bench-0', clientSecret: 'x'.repeat(59) };
  const requests = [tokenRequest({ ...credentials, path: '/oauth/token', scope: benchScope })];
  return target('static POST, bare Fastify', { port, cpuMs: () => ({ node: processCpuMs(child.pid) }) }, requests, {});
}

/** The JWKS of a running Signet, and the same with the entity tag that it has just sent. */
async function keySetTargets(signet) {
  const path = '/.well-known/jwks.json';
  const response = await fetch(`http://127.0.0.1:${signet.port}${path}`);
  await response.arrayBuffer();
  const headers = { 'If-None-Match': response.headers.get('etag') };
  const full = [httpRequest({ method: 'GET', path })];
  const conditional = [httpRequest({ method: 'GET', path, headers })];
  return {
    jwks: target('JWKS, 200', signet, full, {}),
    jwks304: target('JWKS, 304', signet, conditional, { traffic: { requests: conditional, expected: 304 } }),
  };
}

/**
 * Starts them one after the other: two cores are soon busy.
 *
 * @param {{ parent: string, clients: number, beside?: string }} options `beside`: another built checkout, measured as well
 */
export async function startTargets({ beside, ...options }) {
  const signet = await signetTarget('Signet RS256', 'RS256', options);
  const signetEs256 = await signetTarget('Signet ES256', 'ES256', options);
  const oidcProvider = await oidcProviderTarget(options);
  const minimum = await minimumTarget('the least, RS256', 'RS256', options);
  const minimumEs256 = await minimumTarget('the least, ES256', 'ES256', options);
  const floor = await floorTarget();
  const other = beside && (await signetTarget('the other Signet, RS256', 'RS256', { ...options, project: beside }));
  const targets = { signet, signetEs256, oidcProvider, minimum, minimumEs256, floor, ...(await keySetTargets(signet)) };
  return other ? { ...targets, other } : targets;
}

/** Two processes that measure a bare signature: one alone, or both at once, so that neither has the machine to itself. */
export async function startSigners() {
  const script = join(import.meta.dirname, 'signature.mjs');
  return Promise.all([startHelper(script), startHelper(script)]).then((helpers) => helpers.map(({ child }) => child));
}
