/** Signing secrets, test events, and what the parts that route and send are told of a subscription. */
import { DataSource } from 'typeorm';
import { inTransaction } from '../../src/database/index.js';
import {
  GoneSubscriptions,
  SendableSubscriptions,
  SigningSecrets,
  SubscriptionDirectory,
} from '../../src/events/subscriptions/index.js';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/subscriptions';

interface Created {
  readonly id: string;
  readonly signing_secret: string;
}

interface Rotated {
  readonly signing_secret: string;
  readonly secret_id: string;
  readonly previous_secrets_expire_at: string | null;
}

interface AuditEntry {
  readonly action: string;
  readonly actor_client_id: string | null;
  readonly success: boolean;
  readonly details: Readonly<Record<string, unknown>> | null;
}

let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
});

afterAll(async () => {
  await other?.stop();
  await server?.stop();
});

function query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  return server.running.app.get(DataSource).query(text, values);
}

async function create(members: Record<string, unknown> = {}): Promise<Created> {
  const response = await server.asAdmin('POST', path, {
    name: 'Invoices',
    url: 'https://hooks.example.com/t/path-secret?key=query-secret',
    event_types: ['order.*'],
    headers: { 'X-Api': 'header-secret' },
    ...members,
  });
  expect(response.status).toBe(201);
  return (await response.json()) as Created;
}

async function rotate(id: string, body?: unknown): Promise<Rotated> {
  const response = await server.asAdmin('POST', `${path}/${id}/rotate-secret`, body);
  expect(response.status).toBe(200);
  return (await response.json()) as Rotated;
}

/** The keys that deliveries are signed with, as the sender in `process` gets them. */
async function signing(id: string, process = server): Promise<string[]> {
  const { app } = process.running;
  const subscription = await app.get(SendableSubscriptions, { strict: false }).find(id);
  const keys = await app.get(SigningSecrets, { strict: false }).of(id, subscription?.version);
  return keys.map((key) => `whsec_${key.toString('base64')}`);
}

describe('signing secrets', () => {
  it('are replaced at once, in every process', async () => {
    const { id, signing_secret: first } = await create();
    for (const process of [server, other]) expect(await signing(id, process)).toEqual([first]);
    const second = await rotate(id);
    expect(second).toEqual({
      subscription_id: id,
      signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      secret_id: expect.any(String),
      previous_secrets_expire_at: null,
    });
    for (const process of [server, other]) expect(await signing(id, process)).toEqual([second.signing_secret]);
    const shown = (await (await server.asAdmin('GET', `${path}/${id}`)).json()) as { secrets: unknown[] };
    expect(shown.secrets).toEqual([{ secret_id: second.secret_id, created_at: expect.any(String), expires_at: null }]);
  });

  it('sign side by side while a rotation overlaps, the newest first, and end by the clock of the database', async () => {
    const { id, signing_secret: first } = await create();
    const second = await rotate(id, { overlap_seconds: 2_592_000 });
    expect(second.previous_secrets_expire_at).toMatch(/Z$/);
    expect(await signing(id)).toEqual([second.signing_secret, first]);
    const third = await rotate(id, { overlap_seconds: 3_600 });
    expect(await signing(id)).toEqual([third.signing_secret, second.signing_secret, first]);
    await query(`UPDATE subscription_secrets SET expires_at = now() WHERE subscription_id = $1 AND id = $2`, [
      ...[id, second.secret_id],
    ]);
    expect(await signing(id, other)).toEqual([third.signing_secret, first]);
    const fourth = await rotate(id, { overlap_seconds: 0 });
    expect(await signing(id)).toEqual([fourth.signing_secret]);
  });

  it('are five at most', async () => {
    const { id } = await create();
    for (let count = 1; count < 5; count += 1) await rotate(id, { overlap_seconds: 60 });
    const refused = await server.asAdmin('POST', `${path}/${id}/rotate-secret`, { overlap_seconds: 60 });
    expect(refused.status).toBe(409);
    expect(await signing(id)).toHaveLength(5);
    await rotate(id);
    expect(await signing(id)).toHaveLength(1);
  });

  it.each([-1, 2_592_001, 1.5, '60', true])('M-15: an overlap of %j is refused', async (overlap_seconds) => {
    const { id, signing_secret } = await create();
    const refused = await server.asAdmin('POST', `${path}/${id}/rotate-secret`, { overlap_seconds });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: '/overlap_seconds' }] });
    expect(await signing(id)).toEqual([signing_secret]);
  });

  it('H-19: are encrypted, each for its own row; in another they sign nothing until they are replaced', async () => {
    const one = await create();
    const two = await create();
    const key = Buffer.from(one.signing_secret.slice(6), 'base64');
    const [row] = await query<{ ciphertext: Buffer }>(
      'SELECT ciphertext FROM subscription_secrets WHERE subscription_id = $1',
      [one.id],
    );
    expect(row?.ciphertext.includes(key)).toBe(false);
    await query('UPDATE subscription_secrets SET ciphertext = $2 WHERE subscription_id = $1', [
      two.id,
      row?.ciphertext,
    ]);
    await rotateByHand(two.id);
    await expect(signing(two.id)).rejects.toThrow();
    const refused = await server.asAdmin('POST', `${path}/${two.id}/test`);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('rotate it without an overlap') });
    const log = await server.asAdmin('GET', '/admin/oauth/audit-logs?action=subscription.secret_unreadable');
    expect(await log.json()).toMatchObject({
      items: [{ success: false, target_type: 'subscription', target_id: two.id, error: 'decryption_failed' }],
    });
    await rotate(two.id);
    expect((await server.asAdmin('POST', `${path}/${two.id}/test`)).status).toBe(202);
    await server.asAdmin('DELETE', `${path}/${two.id}`);
  });

  it('M-11: come back nowhere', async () => {
    const { id, signing_secret } = await create();
    const { signing_secret: next } = await rotate(id, { overlap_seconds: 60 });
    await server.asAdmin('PATCH', `${path}/${id}`, { name: 'x', headers: { 'X-Api': 'another-header-secret' } });
    await server.asAdmin('POST', `${path}/${id}/test`);
    const answers = [
      await (await server.asAdmin('GET', path)).text(),
      await (await server.asAdmin('GET', `${path}/${id}`)).text(),
      JSON.stringify(await query('SELECT to_json(e) FROM events e')),
      JSON.stringify(await query('SELECT to_json(a) FROM audit_log a')),
    ];
    for (const secret of [signing_secret, next]) {
      for (const answer of answers) expect(answer).not.toContain(secret.slice(6, -1));
    }
    for (const secret of ['header-secret', 'path-secret', 'query-secret']) {
      for (const answer of answers.slice(2)) expect(answer).not.toContain(secret);
    }
  });
});

/** Makes every copy of the secrets in memory old. */
async function rotateByHand(id: string): Promise<void> {
  await query('UPDATE subscriptions SET version = version + 1 WHERE id = $1', [id]);
}

describe('a test event', () => {
  it('goes on the road for this subscription alone, and its identifier is answered', async () => {
    const { id } = await create();
    const response = await server.asAdmin('POST', `${path}/${id}/test`);
    expect(response.status).toBe(202);
    const { event_id } = (await response.json()) as { event_id: string };
    const [event] = await query('SELECT * FROM events WHERE id = $1', [event_id]);
    expect(event).toMatchObject({
      source: server.issuer,
      source_id: event_id,
      type: 'event.test',
      subject: id,
      data: { subscription_id: id },
      only_subscription_id: id,
      publisher: null,
      envelope: null,
    });
  });
});

describe('the audit log', () => {
  it('has every change under its name, with what a URL leads to and no more', async () => {
    const { id } = await create();
    const change = (body: unknown) => server.asAdmin('PATCH', `${path}/${id}`, body);
    await change({ timeout_ms: 200, retry: { backoff_seconds: [1] } });
    await change({ url: 'https://new.example.com/secret', status: 'paused' });
    await change({ status: 'active' });
    await change({});
    await rotate(id, { overlap_seconds: 60 });
    await server.asAdmin('POST', `${path}/${id}/test`);
    await server.asAdmin('DELETE', `${path}/${id}`);
    const entries = await query<AuditEntry>(
      `SELECT action, actor_client_id, success, details FROM audit_log WHERE target_type = 'subscription' AND target_id = $1
       ORDER BY id`,
      [id],
    );
    expect(entries.every(({ actor_client_id, success }) => actor_client_id === 'admin' && success)).toBe(true);
    expect(entries.map(({ action }) => action)).toEqual([
      ...['subscription.created', 'subscription.updated', 'subscription.paused', 'subscription.resumed'],
      ...['subscription.secret_rotated', 'subscription.tested', 'subscription.deleted'],
    ]);
    expect(entries[0]?.details).toMatchObject({ url_origin: 'https://hooks.example.com', event_types: ['order.*'] });
    expect(entries[1]?.details).toEqual({ changed: ['retry', 'timeout_ms'] });
    expect(entries[2]?.details).toMatchObject({ changed: ['status', 'url'], url_origin: 'https://new.example.com' });
    expect(entries[4]?.details).toMatchObject({ overlap_seconds: 60 });
  });

  it('has refusals under the name of the change', async () => {
    const { id } = await create();
    await server.asAdmin('PATCH', `${path}/${id}`, { url: 'http://127.0.0.1/' });
    const entries = await query<AuditEntry>(
      `SELECT action, success FROM audit_log WHERE NOT success AND details::text LIKE $1`,
      [`%${id}%`],
    );
    expect(entries).toEqual([{ action: 'subscription.updated', success: false }]);
  });
});

describe('what others are told', () => {
  const directory = (process: TestServer) => {
    const { app } = process.running;
    return app.get(DataSource).transaction((tx) => app.get(SubscriptionDirectory, { strict: false }).current(tx));
  };

  it('the router has the live ones from the commit on, in every process, and reads them once', async () => {
    const { id } = await create({ event_types: ['a.*'], source: 's', filter: { subject: ['x'] }, ordering: 'subject' });
    for (const process of [server, other]) {
      expect((await directory(process)).find((one) => one.id === id)).toMatchObject({
        delivery: 'push',
        eventTypes: ['a.*'],
        source: 's',
        filter: { rules: [{ path: ['subject'] }] },
        ordering: 'subject',
        status: 'active',
      });
      expect(await directory(process)).toBe(await directory(process));
    }
    await server.asAdmin('PATCH', `${path}/${id}`, { status: 'paused', event_types: ['b'] });
    expect((await directory(other)).find((one) => one.id === id)).toMatchObject({
      status: 'paused',
      eventTypes: ['b'],
    });
    await server.asAdmin('DELETE', `${path}/${id}`);
    expect((await directory(other)).some((one) => one.id === id)).toBe(false);
  });

  it('a sender has all that it needs, and that a subscription is deleted', async () => {
    const { client_id } = await server.createClient({ client_name: 'owner', scope: 'read:profile' });
    const { id } = await create({ client_id, auth: { type: 'oauth2' }, rate_limit_per_second: 7 });
    const senders = other.running.app.get(SendableSubscriptions, { strict: false });
    expect(await senders.find(id)).toEqual({
      id,
      version: '1',
      deleted: false,
      status: 'active',
      delivery: 'push',
      url: 'https://hooks.example.com/t/path-secret?key=query-secret',
      clientId: client_id,
      headers: { 'X-Api': 'header-secret' },
      timeoutMs: 10_000,
      maxInFlight: 10,
      ratePerSecond: 7,
      retryBackoffSeconds: [1, 2, 4],
      ordering: 'none',
      token: { clientId: client_id, scope: ['read:profile'], resource: 'https://hooks.example.com' },
    });
    await server.asAdmin('DELETE', `${path}/${id}`);
    expect(await senders.find(id)).toMatchObject({ deleted: true, version: '2' });
    expect(await signing(id)).toEqual([]);
  });

  it('whoever is gone is paused by the server itself, unless it was changed meanwhile', async () => {
    const { id } = await create();
    const { app } = server.running;
    const gone = app.get(GoneSubscriptions, { strict: false });
    const pause = (version: string) => inTransaction(app.get(DataSource), (tx) => gone.pauseGone(tx, id, version));
    expect(await pause('2')).toBe(false);
    expect(await pause('1')).toBe(true);
    expect(await pause('2')).toBe(false);
    const shown = await (await server.asAdmin('GET', `${path}/${id}`)).json();
    expect(shown).toMatchObject({ status: 'paused', paused_reason: 'gone' });
    const renamed = await (await server.asAdmin('PATCH', `${path}/${id}`, { name: 'x' })).json();
    expect(renamed).toMatchObject({ status: 'paused', paused_reason: 'gone' });
    const resumed = await (await server.asAdmin('PATCH', `${path}/${id}`, { status: 'active' })).json();
    expect(resumed).toMatchObject({ status: 'active', paused_reason: null });
    const [entry] = await query<AuditEntry>(
      `SELECT actor_client_id, success, details FROM audit_log WHERE action = 'subscription.paused' AND target_id = $1`,
      [id],
    );
    expect(entry).toEqual({ actor_client_id: null, success: true, details: { reason: 'gone' } });
  });
});
