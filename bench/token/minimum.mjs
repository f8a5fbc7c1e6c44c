// The least that such an answer costs with these parts: Node's own HTTP server, a signature, one row in a commit that the requests
// of a moment share. Nothing is parsed, nobody is authenticated, nothing is checked, limited, counted, logged or audited.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { send, shared, signingInput } from '../support/least.mjs';
import { helperOptions } from '../support/processes.mjs';
import { serveUntilStopped } from '../support/yardstick.mjs';

const { dataDir, port, alg, audience, scope } = helperOptions();

const embedded = join(import.meta.dirname, '..', '..', 'dist', 'src', 'database', 'embedded', 'index.js');
const { startEmbeddedPostgres } = await import(pathToFileURL(embedded).href);

const postgres = await startEmbeddedPostgres({ dataDir, log: console.log });
const pool = new Pool({ connectionString: postgres.url, max: 1 });
await pool.query(
  'CREATE TABLE tokens (jti uuid PRIMARY KEY, token_hash bytea NOT NULL, expires_at timestamptz NOT NULL)',
);

const insert =
  'INSERT INTO tokens SELECT t.jti, t.hash, to_timestamp(t.exp) FROM unnest($1::uuid[], $2::bytea[], $3::int8[]) AS t (jti, hash, exp)';

const { privateKey } =
  alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signAside = promisify(sign);
let signing = 0;

const commits = shared(
  async (rows) => {
    const column = (name) => `{${rows.map((row) => row[name]).join(',')}}`;
    await pool.query({ name: 'insert', text: insert, values: [column('jti'), column('hash'), column('exp')] });
    return rows;
  },
  // What is being signed can come with it.
  () => signing === 0,
);

async function signatureOf(input) {
  if (alg === 'ES256') return sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  signing += 1;
  const signature = await signAside('sha256', input, privateKey);
  signing -= 1;
  return signature;
}

async function answer(response) {
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + 600;
  const jti = randomUUID();
  const input = signingInput({ alg, port, audience, scope, iat, exp, jti });
  const token = `${input}.${(await signatureOf(Buffer.from(input))).toString('base64url')}`;
  const hash = `"\\\\x${createHash('sha256').update(token).digest('hex')}"`;
  await commits.add({ jti, hash, exp });
  send(response, JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 600, scope }));
}

const server = createServer((request, response) => {
  request.resume().on('end', () => void answer(response));
});
await serveUntilStopped(server, { port, pool, postgres });
