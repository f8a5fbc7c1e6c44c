// The least that such an answer costs with these parts: Node's own HTTP server, one signature verified, and one look-up by primary
// key in a query that the requests of a moment share. Nobody is authenticated; no client, key or cut is looked at.
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { helperOptions } from '../support/processes.mjs';
import { serveUntilStopped } from '../support/yardstick.mjs';

const { dataDir, port, tokens, audience, scope } = helperOptions();

const embedded = join(import.meta.dirname, '..', '..', 'dist', 'src', 'database', 'embedded', 'index.js');
const { startEmbeddedPostgres } = await import(pathToFileURL(embedded).href);

const postgres = await startEmbeddedPostgres({ dataDir, log: console.log });
const pool = new Pool({ connectionString: postgres.url, max: 1 });
await pool.query('CREATE TABLE tokens (jti uuid PRIMARY KEY, revoked_at timestamptz)');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function newToken() {
  const iat = Math.floor(Date.now() / 1000);
  const jti = randomUUID();
  const claims = {
    iss: `http://localhost:${port}`,
    sub: 'bench-0',
    aud: audience,
    client_id: 'bench-0',
    scope,
    iat,
    jti,
  };
  const input = `${base64url({ alg: 'RS256', typ: 'at+jwt', kid: 'bench' })}.${base64url({ ...claims, exp: iat + 600 })}`;
  await pool.query('INSERT INTO tokens (jti) VALUES ($1)', [jti]);
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

let waiting = [];
let asking = false;

async function askNext() {
  const batch = waiting;
  waiting = [];
  const { rows } = await pool.query({
    name: 'find',
    text: 'SELECT jti FROM tokens WHERE jti = ANY ($1::uuid[]) AND revoked_at IS NULL',
    values: [`{${batch.map(({ jti }) => jti).join(',')}}`],
  });
  const live = new Set(rows.map(({ jti }) => jti));
  for (const { jti, resolve } of batch) resolve(live.has(jti));
  asking = false;
  askWhenReady();
}

function askWhenReady() {
  if (asking || waiting.length === 0) return;
  asking = true;
  setImmediate(() => void askNext());
}

async function introspect(token) {
  const dot = token.lastIndexOf('.');
  const input = token.slice(0, dot);
  const isGenuine = verify('sha256', Buffer.from(input), publicKey, Buffer.from(token.slice(dot + 1), 'base64url'));
  const claims = JSON.parse(Buffer.from(input.slice(input.indexOf('.') + 1), 'base64url').toString());
  const isLive = await new Promise((resolve) => {
    waiting.push({ jti: claims.jti, resolve });
    askWhenReady();
  });
  return JSON.stringify(isGenuine && isLive ? { active: true, ...claims } : { active: false });
}

const headers = Object.entries({
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-request-id': 'AbCdEfGhIjKl-1z',
  'cache-control': 'no-store',
  'content-type': 'application/json',
}).flat();

async function answer(form, response) {
  const body = await introspect(form.slice('token='.length));
  response.writeHead(200, [...headers, 'content-length', String(body.length)]).end(body);
}

const server = createServer((request, response) => {
  let form = '';
  request.setEncoding('latin1').on('data', (chunk) => (form += chunk));
  request.on('end', () => void answer(form, response));
});
const made = [];
while (made.length < tokens) made.push(await newToken());
await serveUntilStopped(server, { port, pool, postgres, tokens: made });
