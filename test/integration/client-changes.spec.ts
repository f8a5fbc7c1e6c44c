import { generateKeyPairSync } from 'node:crypto';
import { ClientRepository, supportedAuthMethods } from '../../src/clients/index.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { administrator, type ClientProcess, openProcess, registration } from './client-fixture.js';

interface EventRow {
  readonly type: string;
  readonly subject: string;
  readonly data: Record<string, unknown>;
  readonly source: string;
}

const jwks = { keys: [{ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: '1' }] };
const repository = new ClientRepository();

let database: TestDatabase;
let here: ClientProcess;

beforeAll(async () => {
  database = await createMigratedDatabase();
  here = await openProcess(database.url);
});

afterAll(async () => {
  await here.close();
  await database.drop();
});

async function rows<Row>(statement: string, ...values: unknown[]): Promise<Row[]> {
  return here.dataSource.query<Row[]>(statement, values);
}

function eventsOf(clientId: string): Promise<EventRow[]> {
  return rows(
    'SELECT type, subject, data, source FROM events WHERE subject = $1 ORDER BY created_at, type DESC',
    clientId,
  );
}

function cutsOf(clientId: string): Promise<{ client_epoch: string; reason: string }[]> {
  return rows(
    'SELECT client_epoch, reason FROM client_token_cuts WHERE client_id = $1 ORDER BY client_epoch',
    clientId,
  );
}

describe('the events of a client', () => {
  it('tell each change, in the transaction in which it happened', async () => {
    const { client } = await here.clients.create(administrator, registration({ scope: 'read:profile' }));
    const { clientId } = client;
    await here.clients.update(administrator, clientId, { description: 'x', scope: null });
    await here.clients.update(administrator, clientId, { description: 'x' });
    const { secretId } = await here.secrets.regenerate(administrator, clientId, 60);
    await here.secrets.delete(administrator, clientId, client.secrets[0]?.secretId ?? '');
    await here.clients.update(administrator, clientId, { status: 'disabled', description: 'y' });
    await here.clients.update(administrator, clientId, { status: 'active' });
    await here.clients.delete(administrator, clientId);

    const events = await eventsOf(clientId);
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['oauth.client.created', { client_id: clientId, epoch: 0 }],
      ['oauth.client.updated', { client_id: clientId, epoch: 0, changed: ['description', 'scope'] }],
      ['oauth.client.secret_regenerated', { client_id: clientId, secret_id: secretId }],
      ['oauth.client.updated', { client_id: clientId, epoch: 0, changed: ['secrets'] }],
      ['oauth.client.disabled', { client_id: clientId, epoch: 1, changed: ['description', 'status'] }],
      ['oauth.client.enabled', { client_id: clientId, epoch: 1, changed: ['status'] }],
      ['oauth.client.deleted', { client_id: clientId, epoch: 2 }],
    ]);
    for (const { source } of events) expect(source).toBe('https://signet.example');
  });

  it('are none for what did not happen', async () => {
    const { client } = await here.clients.create(administrator, registration());
    const before = await rows('SELECT count(*) FROM events');
    await expect(here.clients.create(administrator, registration({ scope: 'no:such' }))).rejects.toMatchObject({
      status: 400,
    });
    await expect(
      here.clients.update(administrator, client.clientId, { status: 'disabled', scope: 'no:such' }),
    ).rejects.toMatchObject({ status: 400 });
    const weak = { ...administrator, scopes: ['admin:events'] };
    await expect(here.clients.create(weak, registration({ scope: 'read:profile' }))).rejects.toMatchObject({
      status: 403,
    });
    await here.dataSource
      .transaction(async (tx) => {
        await repository.cutTokens(tx, client.clientId, 'tokens_revoked');
        throw new Error('taken back');
      })
      .catch(() => undefined);
    expect(await rows('SELECT count(*) FROM events')).toEqual(before);
    expect(await cutsOf(client.clientId)).toEqual([]);
  });

  it('E-15: hold no secret, no hash, no hint and no key', async () => {
    const { client, secret } = await here.clients.create(administrator, registration({ jwks }));
    const second = await here.secrets.regenerate(administrator, client.clientId, 60);
    await here.clients.update(administrator, client.clientId, { token_endpoint_auth_method: 'private_key_jwt' });
    const third = (
      await here.clients.update(administrator, client.clientId, { token_endpoint_auth_method: 'client_secret_post' })
    ).secret;
    const text = JSON.stringify([
      await eventsOf(client.clientId),
      await rows('SELECT * FROM audit_log WHERE target_id = $1', client.clientId),
    ]);
    for (const one of [secret, second, third]) {
      expect(one).toBeDefined();
      for (const part of [
        one?.secret.slice(-12) ?? '',
        one?.hash.toString('hex') ?? '',
        one?.hash.toString('base64') ?? '',
      ]) {
        expect(text).not.toContain(part);
      }
    }
    expect(text).not.toContain(String(jwks.keys[0]?.x));
  });
});

describe('the cuts of a client', () => {
  it('end the epoch that was, once for each', async () => {
    const { client } = await here.clients.create(administrator, registration());
    const { clientId } = client;
    await here.clients.update(administrator, clientId, { status: 'disabled' });
    await here.clients.update(administrator, clientId, { status: 'disabled', description: 'still' });
    await here.clients.update(administrator, clientId, { status: 'active' });
    const epoch = await here.dataSource.transaction((tx) => repository.cutTokens(tx, clientId, 'tokens_revoked'));
    expect(epoch).toBe('2');
    await here.clients.delete(administrator, clientId);
    expect(await cutsOf(clientId)).toEqual([
      { client_epoch: '0', reason: 'client_disabled' },
      { client_epoch: '1', reason: 'tokens_revoked' },
      { client_epoch: '2', reason: 'client_deleted' },
    ]);
    expect(await rows('SELECT token_epoch FROM clients WHERE client_id = $1', clientId)).toEqual([
      { token_epoch: '3' },
    ]);
  });

  it('are made by nothing else', async () => {
    const { client } = await here.clients.create(administrator, registration({ scope: 'read:profile', jwks }));
    await here.clients.update(administrator, client.clientId, { scope: '' });
    await here.secrets.regenerate(administrator, client.clientId, 0);
    await here.clients.update(administrator, client.clientId, { token_endpoint_auth_method: 'private_key_jwt' });
    expect(await cutsOf(client.clientId)).toEqual([]);
  });

  it('do not come twice for two who disable at once', async () => {
    const { client } = await here.clients.create(administrator, registration());
    await Promise.all(
      Array.from({ length: 6 }, () => here.clients.update(administrator, client.clientId, { status: 'disabled' })),
    );
    expect(await cutsOf(client.clientId)).toHaveLength(1);
    expect((await eventsOf(client.clientId)).map(({ type }) => type)).toEqual([
      'oauth.client.created',
      'oauth.client.disabled',
    ]);
  });
});

describe('the secrets of a client that changes its method', () => {
  it('end with the method, and come with it', async () => {
    const { client } = await here.clients.create(administrator, registration({ jwks }));
    const { clientId } = client;
    await here.secrets.regenerate(administrator, clientId, 3600);

    const keyed = await here.clients.update(administrator, clientId, { token_endpoint_auth_method: 'private_key_jwt' });
    expect([keyed.secret, keyed.client.secrets]).toEqual([undefined, []]);
    await expect(here.secrets.regenerate(administrator, clientId, 0)).rejects.toMatchObject({
      name: 'NoSecretMethod',
      status: 409,
    });

    const back = await here.clients.update(administrator, clientId, { token_endpoint_auth_method: null });
    expect(back.client.secrets).toEqual([
      expect.objectContaining({ secretId: back.secret?.secretId, expiresAt: null }),
    ]);
    expect((await eventsOf(clientId)).slice(-2)).toMatchObject([
      { type: 'oauth.client.updated', data: { changed: ['token_endpoint_auth_method'] } },
      {
        type: 'oauth.client.secret_regenerated',
        data: { client_id: clientId, secret_id: back.secret?.secretId },
      },
    ]);
  });

  it('stay where one way to present them takes the place of the other', async () => {
    const { client } = await here.clients.create(administrator, registration());
    const changed = await here.clients.update(administrator, client.clientId, {
      token_endpoint_auth_method: 'client_secret_post',
    });
    expect([changed.secret, changed.client.secrets]).toEqual([undefined, client.secrets]);
  });
});

it('a client may be registered with each method that the server advertises', async () => {
  for (const token_endpoint_auth_method of supportedAuthMethods) {
    const subject = token_endpoint_auth_method === 'tls_client_auth' ? { tls_client_auth_san_dns: 'a.example' } : {};
    const body = registration({ token_endpoint_auth_method, jwks, ...subject });
    const { client, secret } = await here.clients.create(administrator, body);
    expect(client).toMatchObject({ tokenEndpointAuthMethod: token_endpoint_auth_method });
    expect(secret !== undefined).toBe(token_endpoint_auth_method.startsWith('client_secret'));
  }
});
