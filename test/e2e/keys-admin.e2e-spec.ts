import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { KeyAutopilot } from '../../src/keys/index.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const path = '/admin/oauth/keys';
const day = 86_400_000;

interface Key {
  kid: string;
  alg: string;
  status: string;
  created_at: string;
  activated_at: string | null;
  expires_at: string | null;
}

let one: TestServer;
let other: TestServer;

beforeEach(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
});

afterEach(async () => {
  await other.stop();
  await one.stop();
});

async function keys(server = one): Promise<Key[]> {
  const response = await server.asAdmin('GET', path);
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: Key[] }).items;
}

async function jwks(server: TestServer): Promise<string[]> {
  const { keys } = (await (await server.fetch('/.well-known/jwks.json')).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** Fails unless the rotation is answered with 200. */
async function rotate(immediate: boolean): Promise<Key & { activates_at: string }> {
  const response = await one.asAdmin('POST', `${path}/rotate`, { immediate });
  expect(response.status).toBe(200);
  return (await response.json()) as Key & { activates_at: string };
}

async function revoke(server: TestServer, kid: string, body?: unknown): Promise<Response> {
  return server.asAdmin('POST', `${path}/${kid}/revoke`, body);
}

/** A token that was not asked for before; `asAdmin` keeps its own. */
const freshToken = (server: TestServer) => server.tokenOf(one.admin);

function kidOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
}

async function statusWith(server: TestServer, token: string): Promise<number> {
  const response = await server.fetch(path, { headers: { authorization: `Bearer ${token}` } });
  return response.status;
}

/** With a token of this moment: the one of `asAdmin` may have been signed with a key that is revoked. */
async function asFreshAdmin(server: TestServer, method: string, target: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${await freshToken(server)}`, 'content-type': 'application/json' };
  return server.fetch(target, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

function query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  return one.running.app.get(DataSource).query<Row[]>(text, values);
}

const entries = (action: string) =>
  query<{ success: boolean; actor_client_id: string; target_id: string; details: object; error: string }>(
    `SELECT success, actor_client_id, target_id, details, error FROM audit_log WHERE action = $1 ORDER BY id`,
    [action],
  );

const events = (type: string) =>
  query<{ subject: string; data: object }>(`SELECT subject, data FROM events WHERE type = $1 ORDER BY id`, [type]);

describe('the list of keys', () => {
  it('shows each key as the contract says', async () => {
    const [key, ...more] = await keys();
    expect(more).toEqual([]);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    const [kid] = await jwks(one);
    expect(key).toEqual({
      kid,
      alg: 'RS256',
      status: 'active',
      created_at: time,
      activated_at: time,
      expires_at: null,
    });
  });

  it('is newest first, in pages, and stable while keys come', async () => {
    await rotate(false);
    await revoke(one, (await keys())[1]?.kid ?? '');
    await asFreshAdmin(one, 'POST', `${path}/rotate`, {});
    const seen: Key[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const response = await asFreshAdmin(one, 'GET', `${path}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page = (await response.json()) as { items: Key[]; next_cursor: string | null };
      seen.push(...page.items);
      cursor = page.next_cursor;
    }
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'active', 'revoked']);
    expect(new Set(seen.map(({ kid }) => kid)).size).toBe(3);
  });

  it.each(['limit=0', 'limit=201', 'cursor=x', 'limit=1&limit=2'])('refuses ?%s', async (search) => {
    expect((await one.asAdmin('GET', `${path}?${search}`)).status).toBe(400);
  });
});

describe('a rotation by hand', () => {
  it('publishes a key that signs a quarter of an hour later', async () => {
    const [first] = await keys();
    const next = await rotate(false);
    expect(next).toMatchObject({ status: 'pending', alg: 'RS256', activated_at: null, expires_at: null });
    expect(Date.parse(next.activates_at) - Date.parse(next.created_at)).toBe(15 * 60_000);
    expect(await jwks(one)).toEqual([first?.kid, next.kid]);
    expect(kidOf(await freshToken(one))).toBe(first?.kid);
    expect(await entries('key.rotated')).toMatchObject([
      { success: true, actor_client_id: 'admin', target_id: next.kid, details: { immediate: false } },
    ]);
    const published = { subject: next.kid, data: { kid: next.kid, alg: 'RS256', status: 'pending' } };
    expect(await events('oauth.key.rotated')).toEqual([published]);

    await other.running.app.get(KeyAutopilot).tend(Date.parse(next.activates_at));
    expect(kidOf(await freshToken(other))).toBe(next.kid);
    expect((await keys()).map(({ status }) => status)).toEqual(['active', 'retiring']);
    expect(await events('oauth.key.rotated')).toEqual([
      published,
      { subject: next.kid, data: { kid: next.kid, alg: 'RS256', status: 'active', previous_kid: first?.kid } },
    ]);
  });

  it('signs with the published key at once where that is asked for', async () => {
    const [first] = await keys();
    const next = await rotate(false);
    expect(await rotate(true)).toMatchObject({ kid: next.kid, status: 'active' });
    expect(kidOf(await freshToken(one))).toBe(next.kid);
    const [, old] = await keys();
    expect(old).toMatchObject({ kid: first?.kid, status: 'retiring' });
    expect(Date.parse(old?.expires_at ?? '')).toBeGreaterThan(Date.now() + day);
    expect((await events('oauth.key.rotated')).map(({ data }) => data)).toMatchObject([
      { kid: next.kid, status: 'pending' },
      { kid: next.kid, status: 'active' },
    ]);
  });

  it('with a new key at once where none is published; tokens of the old one stay good on both processes', async () => {
    const token = await freshToken(one);
    const next = await rotate(true);
    expect(next).toMatchObject({ status: 'active' });
    const fresh = await freshToken(one);
    expect(kidOf(fresh)).toBe(next.kid);
    expect(await statusWith(other, fresh)).toBe(200);
    expect(await jwks(one)).toEqual([next.kid, kidOf(token)]);
    expect([await statusWith(one, token), await statusWith(other, token)]).toEqual([200, 200]);
  });

  it('takes no body, and no other member', async () => {
    expect((await one.asAdmin('POST', `${path}/rotate`)).status).toBe(200);
    for (const body of [{ alg: 'none' }, { immediate: 'yes' }, { immediate: 1 }, []]) {
      expect((await one.asAdmin('POST', `${path}/rotate`, body)).status).toBe(400);
    }
  });

  it.each([[[false]], [[true]], [[true, false]]])('K-21: twenty within a second; immediate: %p', async (kinds) => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, turn) => {
        const server = turn % 4 < 2 ? one : other;
        const response = await server.asAdmin('POST', `${path}/rotate`, { immediate: kinds[turn % kinds.length] });
        if (response.status !== 200) {
          expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        }
        return response.status;
      }),
    );
    expect(answers.filter((status) => status !== 200 && status !== 409)).toEqual([]);
    const changed = answers.filter((status) => status === 200).length;
    expect(changed).toBeGreaterThanOrEqual(1);
    expect(changed).toBeLessThanOrEqual(kinds.length === 1 ? 1 : 3);
    const statuses = (await keys()).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'active')).toHaveLength(1);
    expect(statuses.filter((status) => status === 'pending').length).toBeLessThanOrEqual(1);
    expect(statuses.filter((status) => status === 'retiring').length).toBeLessThanOrEqual(1);
    expect((await jwks(one)).length).toBeLessThanOrEqual(4);
    expect(await entries('key.rotated').then((all) => all.filter(({ success }) => success))).toHaveLength(changed);
  });
});

describe('K-07: a key that is revoked', () => {
  it('is gone from both processes at once, its tokens are dead, and another one signs', async () => {
    const tokens = [await freshToken(one), await freshToken(other)];
    const kid = kidOf(tokens[0] ?? '');
    for (const token of tokens) expect(await statusWith(other, token)).toBe(200);

    const response = await revoke(one, kid, { reason: 'found in a log' });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');

    expect([await jwks(other), await jwks(one)].flat()).not.toContain(kid);
    for (const token of tokens)
      expect([await statusWith(one, token), await statusWith(other, token)]).toEqual([401, 401]);
    const [next] = await jwks(one);
    expect([kidOf(await freshToken(other)), kidOf(await freshToken(one))]).toEqual([next, next]);
    expect(await jwks(other)).toEqual([next]);

    expect(await entries('key.revoked')).toEqual([
      {
        success: true,
        actor_client_id: 'admin',
        target_id: kid,
        details: { alg: 'RS256', status: 'active', reason: 'found in a log', next_kid: next },
        error: null,
      },
    ]);
    expect(await events('oauth.key.revoked')).toEqual([{ subject: kid, data: { kid, alg: 'RS256' } }]);
    expect(await events('oauth.key.rotated')).toEqual([
      { subject: next, data: { kid: next, alg: 'RS256', status: 'active' } },
    ]);
    const [row] = await query<{ destroyed: boolean }>(
      `SELECT private_ciphertext IS NULL AND wrapped_dek IS NULL AS destroyed FROM signing_keys WHERE kid = $1`,
      [kid],
    );
    expect(row?.destroyed).toBe(true);
  });

  it('is gone on the very next GET of the other process, time after time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [kid = ''] = await jwks(other);
      const response = await asFreshAdmin(one, 'POST', `${path}/${kid}/revoke`);
      expect(response.status).toBe(204);
      expect(await jwks(other)).not.toContain(kid);
    }
  });

  it('is replaced by the published key, if there is one', async () => {
    const next = await rotate(false);
    const [kid = ''] = await jwks(one);
    expect((await revoke(other, kid)).status).toBe(204);
    expect(kidOf(await freshToken(one))).toBe(next.kid);
    expect(await jwks(other)).toEqual([next.kid]);
  });

  it('is not replaced if it does not sign', async () => {
    const first = kidOf(await freshToken(one));
    const next = await rotate(false);
    expect((await revoke(one, next.kid)).status).toBe(204);
    expect(await jwks(other)).toEqual([first]);
    expect(await events('oauth.key.rotated')).toMatchObject([{ data: { kid: next.kid, status: 'pending' } }]);
    await rotate(true);
    expect((await revoke(one, first)).status).toBe(204);
    expect(await jwks(other)).toHaveLength(1);
  });

  it('was: again it is a conflict, and one that never was is not found', async () => {
    const next = await rotate(false);
    expect((await revoke(one, next.kid)).status).toBe(204);
    expect((await revoke(other, next.kid)).status).toBe(409);
    for (const kid of [randomBytes(32).toString('base64url'), 'x', '%00', '..%2f..']) {
      expect((await revoke(one, kid)).status).toBe(404);
    }
    expect((await revoke(one, next.kid, { kid: 'x' })).status).toBe(400);
    expect((await revoke(one, next.kid, { reason: 'a\nb' })).status).toBe(400);
    expect(await events('oauth.key.revoked')).toHaveLength(1);
  });
});

describe('who may do what', () => {
  const tokenWith = async (scope: string): Promise<string> => {
    const client: Credentials = await one.createClient({ client_name: 'Operator', scope });
    return one.tokenOf(client);
  };

  const call = async (token: string | undefined, method: string, target: string) =>
    one.fetch(target, { method, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

  it('admin:oauth sees, rotates and revokes', async () => {
    const token = await tokenWith('admin:oauth');
    expect((await call(token, 'GET', path)).status).toBe(200);
    expect((await call(token, 'POST', `${path}/rotate`)).status).toBe(200);
    const [kid] = await jwks(one);
    expect((await call(token, 'POST', `${path}/${kid}/revoke`)).status).toBe(204);
    expect(await jwks(one)).not.toContain(kid);
  });

  it.each([
    ['GET', path],
    ['POST', `${path}/rotate`],
    ['POST', `${path}/x/revoke`],
  ])('%s %s is closed to others', async (method, target) => {
    const anonymous = await call(undefined, method, target);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer');
    expect((await call(await tokenWith('admin:events read:profile'), method, target)).status).toBe(403);
  });

  it.each([
    ['PUT', path],
    ['DELETE', `${path}/x`],
    ['GET', `${path}/rotate`],
  ])('%s %s does not exist', async (method, target) => {
    expect([404, 405]).toContain((await one.asAdmin(method, target)).status);
  });
});
