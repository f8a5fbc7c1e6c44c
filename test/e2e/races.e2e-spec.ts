/**
 * Two processes on one database, at the same moment: of what may happen once, one of any number wins; nobody gets a 500.
 * `npm run test:races` runs 1,000 rounds of each.
 */
import { generateKeyPair, type KeyObject, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import { Client } from 'pg';
import { basic, type Credentials } from '../support/server.js';
import { raceLimitMs, raceRounds, TwoProcesses } from '../support/two-processes.js';

const copies = 6;
const clientsPath = '/admin/oauth/clients';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let servers: TwoProcesses;
let database: Client;
let keys: { publicKey: KeyObject; privateKey: KeyObject };

beforeAll(async () => {
  servers = await TwoProcesses.start();
  database = new Client({ connectionString: servers.database.url });
  await database.connect();
  keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
});

afterAll(async () => {
  await database?.end();
  await servers?.stop();
});

function signed(header: object, payload: object): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  const key = { key: keys.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

const seconds = () => Math.floor(Date.now() / 1000);

async function count(statement: string, values: unknown[] = []): Promise<number> {
  return Number((await database.query<{ count: string }>(statement, values)).rows[0]?.count);
}

const tokensOf = (clientId: string) => count('SELECT count(*) FROM access_tokens WHERE client_id = $1', [clientId]);

/** Sends copies of a request to both processes at once, and counts the answers by status. */
async function atOnce(send: (index: number) => Promise<Response>): Promise<Record<number, number>> {
  const answers: Record<number, number> = {};
  const responses = await Promise.all(Array.from({ length: copies }, (_, index) => send(index)));
  for (const response of responses) {
    await response.arrayBuffer();
    answers[response.status] = (answers[response.status] ?? 0) + 1;
  }
  return answers;
}

describe(`two processes on one database, ${raceRounds} rounds`, () => {
  it(
    'J-05: an assertion is good for one token',
    async () => {
      const jwk = keys.publicKey.export({ format: 'jwk' });
      const { client_id } = await servers.createClient({
        client_name: 'K',
        scope: 'read:profile',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [jwk] },
      });
      for (let round = 0; round < raceRounds; round += 1) {
        const claims = { iss: client_id, sub: client_id, aud: servers.issuer, jti: randomUUID(), exp: seconds() + 60 };
        const form = {
          grant_type: 'client_credentials',
          client_assertion_type: assertionType,
          client_assertion: signed({ alg: 'ES256' }, claims),
        };
        expect(await atOnce((index) => servers.post(servers.at(index), '/oauth/token', form))).toEqual({
          200: 1,
          401: copies - 1,
        });
      }
      expect(await tokensOf(client_id)).toBe(raceRounds);
    },
    raceLimitMs,
  );

  it(
    'J-27: a DPoP proof is good for one token',
    async () => {
      const client = await servers.createClient({
        client_name: 'P',
        scope: 'read:profile',
        dpop_bound_access_tokens: true,
      });
      const jwk = keys.publicKey.export({ format: 'jwk' });
      const thumbprint = await calculateJwkThumbprint(jwk);
      for (let round = 0; round < raceRounds; round += 1) {
        const proof = signed(
          { typ: 'dpop+jwt', alg: 'ES256', jwk },
          { jti: randomUUID(), htm: 'POST', htu: `${servers.issuer}/oauth/token`, iat: seconds() },
        );
        const form = { grant_type: 'client_credentials' };
        const headers = { authorization: basic(client), dpop: proof };
        expect(await atOnce((index) => servers.post(servers.at(index), '/oauth/token', form, headers))).toEqual({
          200: 1,
          400: copies - 1,
        });
      }
      expect(await tokensOf(client.client_id)).toBe(raceRounds);
      expect(await count('SELECT count(*) FROM single_use WHERE owner = $1', [thumbprint])).toBe(raceRounds);
    },
    raceLimitMs,
  );

  it(
    'Z-03: of two secrets made at once the later one is good, and no other',
    async () => {
      const { client_id } = await servers.createClient({ client_name: 'S', scope: 'read:profile' });
      for (let round = 0; round < raceRounds; round += 1) {
        const responses = await Promise.all(
          [0, 1].map((index) =>
            servers.asAdmin(servers.at(index), 'POST', `${clientsPath}/${client_id}/regenerate-secret`, {}),
          ),
        );
        expect(responses.map(({ status }) => status)).toEqual([200, 200]);
        const secrets = (await Promise.all(responses.map((response) => response.json()))) as Credentials[];
        const good: number[] = [];
        for (const { client_secret } of secrets) {
          for (const index of [0, 1]) {
            good.push((await servers.requestToken(servers.at(index), { client_id, client_secret })).status);
          }
        }
        expect([
          [200, 200, 401, 401],
          [401, 401, 200, 200],
        ]).toContainEqual(good);
        expect(await count('SELECT count(*) FROM client_secrets WHERE client_id = $1', [client_id])).toBe(1);
      }
    },
    raceLimitMs,
  );

  it(
    'of two clients registered at once under one name, one is',
    async () => {
      for (let round = 0; round < raceRounds; round += 1) {
        const client_id = `twin-${randomUUID()}`;
        const answers = await atOnce((index) =>
          servers.asAdmin(servers.at(index), 'POST', clientsPath, { client_name: 'Twin', client_id }),
        );
        expect(answers).toEqual({ 201: 1, 409: copies - 1 });
        const events = `SELECT count(*) FROM events WHERE type = 'oauth.client.created' AND subject = $1`;
        expect(await count(events, [client_id])).toBe(1);
      }
    },
    raceLimitMs,
  );
});
