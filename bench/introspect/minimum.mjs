// The least that such an answer costs with these parts: Node's own HTTP server, one signature verified, and one look-up by primary
// key in a query that the requests of a moment share. Nobody is authenticated; no client, key or cut is looked at.
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { send, shared, signingInput } from '../support/least.mjs';
import { helperOptions } from '../support/processes.mjs';
import { serveUntilStopped } from '../support/yardstick.mjs';

const { dataDir, port, tokens, audience, scope } = helperOptions();

const embedded = join(import.meta.dirname, '..', '..', 'dist', 'src', 'database', 'embedded', 'index.js');
const { startEmbeddedPostgres } = await import(pathToFileURL(embedded).href);

const postgres = await startEmbeddedPostgres({ dataDir, log: console.log });
const pool = new Pool({ connectionString: postgres.url, max: 1 });
await pool.query('CREATE TABLE tokens (jti uuid PRIMARY KEY, revoked_at timestamptz)');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

async function newToken() {
  const iat = Math.floor(Date.now() / 1000);
  const jti = randomUUID();
  const input = signingInput({ alg: 'RS256', port, audience, scope, iat, exp: iat + 600, jti });
  await pool.query('INSERT INTO tokens (jti) VALUES ($1)', [jti]);
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

const lookUps = shared(async (jtis) => {
  const { rows } = await pool.query({
    name: 'find',
    text: 'SELECT jti FROM tokens WHERE jti = ANY ($1::uuid[]) AND revoked_at IS NULL',
    values: [`{${jtis.join(',')}}`],
  });
  const live = new Set(rows.map(({ jti }) => jti));
  return jtis.map((jti) => live.has(jti));
});

async function answer(token, response) {
  const dot = token.lastIndexOf('.');
  const input = token.slice(0, dot);
  const isGenuine = verify('sha256', Buffer.from(input), publicKey, Buffer.from(token.slice(dot + 1), 'base64url'));
  const claims = JSON.parse(Buffer.from(input.slice(input.indexOf('.') + 1), 'base64url').toString());
  const isLive = await lookUps.add(claims.jti);
  send(response, JSON.stringify(isGenuine && isLive ? { active: true, ...claims } : { active: false }));
}

const server = createServer((request, response) => {
  let form = '';
  request.setEncoding('latin1').on('data', (chunk) => (form += chunk));
  request.on('end', () => void answer(form.slice('token='.length), response));
});
const made = [];
while (made.length < tokens) made.push(await newToken());
await serveUntilStopped(server, { port, pool, postgres, tokens: made });
