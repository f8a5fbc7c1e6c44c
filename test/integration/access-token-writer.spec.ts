import { createHash, randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { canonicalJson, issuedTokensDigest } from '../../src/audit/index.js';
import { SystemClock } from '../../src/clock/index.js';
import { createDataSource, ensurePartitions, Postgres } from '../../src/database/index.js';
import type { AccessTokenRecord } from '../../src/token/access-token-record.js';
import { AccessTokenWriter } from '../../src/token/access-token.writer.js';
import { type TokenTerms, tokenTerms } from '../../src/token/token-terms.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let dataSource: DataSource;
let postgres: Postgres;
let writer: AccessTokenWriter;

beforeAll(async () => {
  database = await createMigratedDatabase();
  dataSource = await createDataSource(database.url).initialize();
  await ensurePartitions(dataSource, 'access_tokens', 'day', new Date(), 2);
  await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 1);
  await dataSource.query(
    `INSERT INTO signing_keys (kid, alg, status, public_jwk, retiring_at)
     VALUES ('active', 'RS256', 'active', '{}', NULL), ('retiring', 'RS256', 'retiring', '{}', now()),
      ('retiring-long', 'RS256', 'retiring', '{}', now() - interval '31 seconds'), ('pending', 'RS256', 'pending', '{}', NULL),
      ('retired', 'RS256', 'retired', '{}', now()), ('revoked', 'RS256', 'revoked', '{}', NULL)`,
  );
  postgres = new Postgres(database.url, { max: 2, onError: () => undefined });
  writer = new AccessTokenWriter(postgres, new SystemClock());
});

afterAll(async () => {
  await writer.onApplicationShutdown();
  await postgres.close();
  await dataSource.destroy();
  await database.drop();
});

async function addClient(status = 'active'): Promise<string> {
  const clientId = `client-${randomUUID()}`;
  await dataSource.query(
    `INSERT INTO clients (client_id, version, token_epoch, status, client_name, grant_types, token_endpoint_auth_method, scope,
       audience, resource_identifiers, allowed_networks, contacts, metadata)
     VALUES ($1, 5, 3, $2, 'A client', '{}', 'client_secret_basic', '{}', '{}', '{}', '{}', '{}', '{}')`,
    [clientId, status],
  );
  return clientId;
}

function termsFor(clientId: string, members: Partial<TokenTerms> = {}): TokenTerms {
  return tokenTerms({
    grantType: 'client_credentials',
    clientId,
    clientVersion: '5',
    registryVersion: '1',
    scope: ['read:profile', 'manage:*'],
    audience: 'https://api.example.com',
    lifetimeSeconds: 600,
    ...members,
  });
}

function record(terms: TokenTerms, members: Partial<AccessTokenRecord> = {}): AccessTokenRecord {
  const jti = randomUUID();
  return {
    jti,
    tokenHash: createHash('sha256').update(jti).digest('hex'),
    kid: 'active',
    issuedAt: Math.floor(Date.now() / 1000),
    terms,
    origin: { ipAddress: '192.0.2.1', userAgent: 'test/1', requestId: 'request-1' },
    ...members,
  };
}

interface Stored {
  readonly jti: string;
  readonly [column: string]: unknown;
}

function tokensOf(clientId: string): Promise<Stored[]> {
  return dataSource.query<Stored[]>(
    `SELECT *, extract(epoch FROM issued_at)::int AS iat, extract(epoch FROM expires_at)::int AS exp, host(ip_address) AS ip
     FROM access_tokens WHERE client_id = $1 ORDER BY jti`,
    [clientId],
  );
}

function entriesOf(clientId: string): Promise<Stored[]> {
  return dataSource.query<Stored[]>(
    `SELECT *, extract(epoch FROM occurred_at)::int AS at, host(ip_address) AS ip FROM audit_log
     WHERE actor_client_id = $1 ORDER BY id`,
    [clientId],
  );
}

describe('AccessTokenWriter', () => {
  it('stores the token and its audit entry with all that belongs to them', async () => {
    const clientId = await addClient();
    const token = record(termsFor(clientId, { audience: ['https://a.example.com', 'urn:x:"b",{c}'] }));
    expect(await writer.write(token)).toBe('written');

    expect(await tokensOf(clientId)).toEqual([
      expect.objectContaining({
        jti: token.jti,
        token_hash: Buffer.from(token.tokenHash, 'hex'),
        client_id: clientId,
        client_epoch: '3',
        kid: 'active',
        scope: 'read:profile manage:*',
        aud: ['https://a.example.com', 'urn:x:"b",{c}'],
        iat: token.issuedAt,
        exp: token.issuedAt + 600,
        ip: '192.0.2.1',
        user_agent: 'test/1',
        revoked_at: null,
        revoked_reason: null,
      }),
    ]);
    expect(await entriesOf(clientId)).toEqual([
      expect.objectContaining({
        id: token.jti,
        at: token.issuedAt,
        action: 'token.issued',
        success: true,
        target_type: 'token',
        target_id: token.jti,
        ip: '192.0.2.1',
        user_agent: 'test/1',
        request_id: 'request-1',
        details: {
          grant_type: 'client_credentials',
          scope: 'read:profile manage:*',
          aud: ['https://a.example.com', 'urn:x:"b",{c}'],
        },
        error: null,
      }),
    ]);
  });

  it.each<[string, (clientId: string) => AccessTokenRecord]>([
    ['of an older version of the client', (id) => record(termsFor(id, { clientVersion: '4' }))],
    ['of a version of the client that is not yet', (id) => record(termsFor(id, { clientVersion: '6' }))],
    ['of another version of the scope registry', (id) => record(termsFor(id, { registryVersion: '2' }))],
    ['signed by a revoked key', (id) => record(termsFor(id), { kid: 'revoked' })],
    ['signed by a retired key', (id) => record(termsFor(id), { kid: 'retired' })],
    ['signed by a key that retired a while ago', (id) => record(termsFor(id), { kid: 'retiring-long' })],
    ['signed by a key that does not sign yet', (id) => record(termsFor(id), { kid: 'pending' })],
    ['signed by an unknown key', (id) => record(termsFor(id), { kid: 'unknown' })],
    ['of an unknown client', (id) => record(termsFor(`${id}-not`))],
  ])('does not write a token %s, nor an entry', async (_, stale) => {
    const clientId = await addClient();
    const token = stale(clientId);
    expect(await writer.write(token)).toBe('stale');
    expect(await tokensOf(token.terms.clientId)).toEqual([]);
    expect(await entriesOf(token.terms.clientId)).toEqual([]);
  });

  it.each(['disabled', 'deleted'])('does not write a token of a %s client', async (status) => {
    const clientId = await addClient(status);
    expect(await writer.write(record(termsFor(clientId)))).toBe('stale');
    expect(await tokensOf(clientId)).toEqual([]);
    expect(await entriesOf(clientId)).toEqual([]);
  });

  it('writes a token signed by a key that retires just now', async () => {
    const clientId = await addClient();
    expect(await writer.write(record(termsFor(clientId), { kid: 'retiring' }))).toBe('written');
    expect(await tokensOf(clientId)).toMatchObject([{ kid: 'retiring' }]);
  });

  it('separates the good from the stale in one batch; tokens and entries are the same set', async () => {
    const [one, two] = [await addClient(), await addClient()];
    const kinds: [TokenTerms, Partial<AccessTokenRecord>, string][] = [
      [termsFor(one), {}, 'written'],
      [termsFor(two), {}, 'written'],
      [termsFor(one, { clientVersion: '4' }), {}, 'stale'],
      [termsFor(one), { kid: 'revoked' }, 'stale'],
      [
        termsFor(two, { scope: [] }),
        { origin: { ipAddress: undefined, userAgent: undefined, requestId: undefined } },
        'written',
      ],
      [termsFor(two, { registryVersion: '9' }), {}, 'stale'],
    ];
    const records = Array.from({ length: 120 }, (_, index) => {
      const [terms, members, outcome] = kinds[index % kinds.length] ?? kinds[0]!;
      return { token: record(terms, members), outcome };
    });
    const outcomes = await Promise.all(records.map(({ token }) => writer.write(token)));
    expect(outcomes).toEqual(records.map(({ outcome }) => outcome));

    for (const clientId of [one, two]) {
      const expected = records
        .filter(({ token, outcome }) => outcome === 'written' && token.terms.clientId === clientId)
        .map(({ token }) => token.jti)
        .toSorted();
      expect((await tokensOf(clientId)).map(({ jti }) => jti)).toEqual(expected);
      expect((await entriesOf(clientId)).map(({ target_id }) => target_id)).toEqual(expected);
    }
  });

  it('D12: gives each commit one batch, whose digest is that of exactly the entries that were written', async () => {
    const clientId = await addClient();
    const [good, stale] = [termsFor(clientId), termsFor(clientId, { clientVersion: '4' })];
    const batched = (records: AccessTokenRecord[]) => Promise.all(records.map((token) => writer.write(token)));
    await batched([record(good), record(good)]);
    await batched([record(good), record(stale), record(good, { kid: 'retiring' }), record(good, { kid: 'retired' })]);
    await batched([record(stale)]);

    const batches = await dataSource.query<{ entries: number; digest: Buffer; rows: Stored[] }[]>(
      `SELECT b.entries, b.digest,
         jsonb_agg(to_jsonb(a) || jsonb_build_object('at', extract(epoch FROM a.occurred_at)::int, 'ip', host(a.ip_address))) AS rows
       FROM audit_log a JOIN token_batches b ON b.id = a.batch_id WHERE a.actor_client_id = $1
       GROUP BY b.id, b.entries, b.digest, b.created_at ORDER BY b.id`,
      [clientId],
    );
    expect(batches.map(({ entries }) => entries)).toEqual([2, 2]);
    for (const { digest, rows } of batches) {
      const entries = rows.map((row) => ({
        id: row['id'] as string,
        issuedAt: row['at'] as number,
        actorClientId: clientId,
        ipAddress: row['ip'] as string,
        userAgent: row['user_agent'] as string,
        requestId: row['request_id'] as string,
        details: canonicalJson(row['details']),
      }));
      expect(issuedTokensDigest(entries)).toEqual(digest);
    }
    expect(
      await dataSource.query(`SELECT 1 FROM token_batches b WHERE entries <>
      (SELECT count(*) FROM audit_log a WHERE a.batch_id = b.id)`),
    ).toEqual([]);
  });

  it('keeps apart what tokens of one batch do not share', async () => {
    const clientId = await addClient();
    const terms = termsFor(clientId);
    const tokens = ['192.0.2.1', '2001:db8::1', undefined].flatMap((ipAddress, index) =>
      ['test/1', 'test/2', undefined].map((userAgent) =>
        record(terms, { origin: { ipAddress, userAgent, requestId: `request-${index}` } }),
      ),
    );
    await Promise.all(tokens.map((token) => writer.write(token)));
    const expected = tokens
      .map(({ jti, origin }) => ({ jti, ip: origin.ipAddress ?? null, user_agent: origin.userAgent ?? null }))
      .toSorted((a, b) => (a.jti < b.jti ? -1 : 1));
    expect(await tokensOf(clientId)).toEqual(expected.map((row) => expect.objectContaining(row) as unknown));
    expect(await entriesOf(clientId)).toEqual(
      expected.map(({ jti: id, ...row }) => expect.objectContaining({ id, ...row }) as unknown),
    );
  });

  it.each([
    ['quotes', `"double" 'single' \`back\` “curly”`],
    ['backslashes', String.raw`\ \\ \" \n \x41 C:\path\ `],
    ['braces and commas', '{a,b},{NULL},,{{"c"}}'],
    ['the word NULL', 'NULL'],
    ['nothing', ''],
    ['blanks', '  a  b  '],
    ['line breaks and tabs', 'a\r\nb\tc'],
    ['Unicode', 'Prüfer – 検査 🔑 \u202e'],
    ['a statement', `'); DROP TABLE access_tokens; --`],
    ['placeholders', '$1 :name ?'],
  ])('keeps a user agent with %s as it is', async (_, userAgent) => {
    const clientId = await addClient();
    const token = record(termsFor(clientId), { origin: { ipAddress: undefined, userAgent, requestId: userAgent } });
    expect(await writer.write(token)).toBe('written');
    expect(await tokensOf(clientId)).toMatchObject([{ user_agent: userAgent }]);
    expect(await entriesOf(clientId)).toMatchObject([{ user_agent: userAgent, request_id: userAgent }]);
  });

  it('fails alone with a record that PostgreSQL does not take', async () => {
    const clientId = await addClient();
    const terms = termsFor(clientId);
    const bad = record(terms, { origin: { ipAddress: 'no address', userAgent: undefined, requestId: undefined } });
    const good = [record(terms), record(terms)];
    const results = await Promise.allSettled([good[0]!, bad, good[1]!].map((token) => writer.write(token)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const stored = good.map(({ jti }) => jti).toSorted();
    expect((await tokensOf(clientId)).map(({ jti }) => jti)).toEqual(stored);
    expect((await entriesOf(clientId)).map(({ id }) => id)).toEqual(stored);
  });

  it('writes no token twice, and none without its entry', async () => {
    const clientId = await addClient();
    const token = record(termsFor(clientId));
    expect(await writer.write(token)).toBe('written');
    await expect(writer.write(token)).rejects.toThrow('duplicate key');
    expect(await tokensOf(clientId)).toHaveLength(1);
    expect(await entriesOf(clientId)).toHaveLength(1);
    // The entry's identifier is taken, the token's is not: neither is written.
    const twin = record(termsFor(clientId, { lifetimeSeconds: 900 }), { jti: token.jti, issuedAt: token.issuedAt });
    await expect(writer.write(twin)).rejects.toThrow('duplicate key');
    expect(await tokensOf(clientId)).toHaveLength(1);
  });

  it('writes nothing that falls outside every partition', async () => {
    const clientId = await addClient();
    const token = record(termsFor(clientId), { issuedAt: 4_000_000_000 });
    await expect(writer.write(token)).rejects.toThrow('no partition');
    expect(await tokensOf(clientId)).toEqual([]);
    expect(await entriesOf(clientId)).toEqual([]);
  });

  it('commits one batch for the tokens that are being signed at the same time', async () => {
    const clientId = await addClient();
    const terms = termsFor(clientId);
    const release: (() => void)[] = [];
    const written = Array.from({ length: 5 }, async () => {
      await writer.expecting(new Promise<void>((resolve) => release.push(resolve)));
      return writer.write(record(terms));
    });
    for (const signed of release) signed();
    expect(await Promise.all(written)).toEqual(Array(5).fill('written'));
    const transactions = await dataSource.query<unknown[]>(
      `SELECT DISTINCT xmin::text FROM access_tokens WHERE client_id = $1`,
      [clientId],
    );
    expect(transactions).toHaveLength(1);
  });

  it('does not wait for a signature that failed', async () => {
    const clientId = await addClient();
    const failed = writer.expecting(Promise.reject(new Error('no signature')));
    await expect(failed).rejects.toThrow('no signature');
    expect(await writer.write(record(termsFor(clientId)))).toBe('written');
  });
});
