// What one verification costs: @signet/sdk beside the libraries that it could be replaced by, in turns, in one process.
import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { createVerifier } from 'fast-jwt';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { summary, tableLines } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, 'window-ms': { type: 'string', default: '500' } },
});
const rounds = Number(values.rounds);
const windowMs = Number(values['window-ms']);

const { createTokenVerifier } = await import(
  new URL('../../sdk/dist/resource-server/index.js', import.meta.url).href
).catch(() => {
  throw new Error('there is no built SDK: npm run build --workspace sdk');
});
// passport-jwt brings it.
const require = createRequire(import.meta.url);
const jsonwebtoken = createRequire(require.resolve('passport-jwt'))('jsonwebtoken');

const issuer = 'https://signet.example.com';
const audience = 'https://orders.example.com';
const jwksUri = `${issuer}/.well-known/jwks.json`;
const tokenCount = 64;
/** More than the SDK remembers: whoever sees one of them sees it for the first time. */
const manyTokens = 5_200;

function pairOf(alg) {
  return alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

const firstSeen = '@signet/sdk, offline, token first seen';

/** Tokens as the server issues them. */
async function tokensOf(alg, privateKey, count) {
  const token = () =>
    new SignJWT({ client_id: 'orders-caller', scope: 'read:orders manage:orders' })
      .setProtectedHeader({ alg, typ: 'at+jwt', kid: 'key-1' })
      .setIssuer(issuer)
      .setSubject('orders-caller')
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
  const tokens = [];
  while (tokens.length < count) tokens.push(await token());
  return tokens;
}

/** Each takes a token, and answers with its claims or what stands for them. */
async function contestantsOf(alg, publicKey) {
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1', alg, use: 'sig' };
  const answer = (url) => Response.json(url === jwksUri ? { keys: [jwk] } : { active: true });
  const options = { issuer, audience, algorithms: [alg], jwksUri, fetch: (url) => Promise.resolve(answer(url)) };
  const offline = createTokenVerifier(options);
  const credentials = { clientId: 'orders', clientSecret: 'secret' };
  const push = createTokenVerifier({ ...options, mode: 'push', cacheSeconds: 3_600, introspection: { credentials } });
  const key = await importJWK(jwk, alg);
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const terms = { issuer, audience, algorithms: [alg], typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'jti', 'sub'] };
  const fastTerms = { key: pem, algorithms: [alg], allowedIss: issuer, allowedAud: audience, checkTyp: 'at+jwt' };
  const fast = createVerifier(fastTerms);
  const fastCached = createVerifier({ ...fastTerms, cache: true });
  return {
    'jose.jwtVerify, bare': (token) => jwtVerify(token, key, terms),
    [firstSeen]: (token) => offline.verify({ authorization: `Bearer ${token}` }, 'read:orders'),
    '@signet/sdk, offline': (token) => offline.verify({ authorization: `Bearer ${token}` }, 'read:orders'),
    '@signet/sdk, push': (token) => push.verify({ authorization: `Bearer ${token}` }, 'read:orders'),
    'fast-jwt': (token) => fast(token),
    'fast-jwt, results cached': (token) => fastCached(token),
    jsonwebtoken: (token) => jsonwebtoken.verify(token, pem, { issuer, audience, algorithms: [alg] }),
  };
}

/** One token after the other; goes on where the last window ended, so that a list is gone through before it begins anew. */
function supplyOf(tokens) {
  let next = -1;
  return () => tokens[(next += 1) % tokens.length];
}

/** Microseconds of CPU time (all threads) and of the clock that one verification takes, one after the other. */
async function measure(verify, token, ms) {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  let count = 0;
  for (; performance.now() - begun < ms; count += 1) {
    const verified = await verify(token());
    if (verified === undefined) throw new Error('a good token was refused');
  }
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / count, clock: ((performance.now() - begun) * 1000) / count };
}

const shown = (numbers) => {
  const { median, min, max } = summary(numbers);
  return `${median.toFixed(1)} (${min.toFixed(1)} – ${max.toFixed(1)})`;
};

for (const alg of ['RS256', 'ES256']) {
  const { privateKey, publicKey } = pairOf(alg);
  const tokens = supplyOf(await tokensOf(alg, privateKey, tokenCount));
  const many = supplyOf(await tokensOf(alg, privateKey, manyTokens));
  const tokensFor = (name) => (name === firstSeen ? many : tokens);
  const contestants = Object.entries(await contestantsOf(alg, publicKey));
  const results = new Map(contestants.map(([name]) => [name, []]));
  for (const [name, verify] of contestants) await measure(verify, tokensFor(name), windowMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, verify] of contestants) results.get(name).push(await measure(verify, tokensFor(name), windowMs));
  }
  const rows = [...results].map(([name, measured]) => [
    name,
    shown(measured.map(({ cpu }) => cpu)),
    shown(measured.map(({ clock }) => clock)),
  ]);
  console.log(`\n${alg}, µs per verification, median (least – most) of ${rounds} rounds`);
  for (const line of tableLines([['', 'CPU', 'clock'], ...rows])) console.log(line);
}
