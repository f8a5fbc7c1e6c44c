/** Dead letters: the list, its filters, replaying and deleting (http-api.md "Events"; security.md E-17, M-13). */
import { randomUUID } from 'node:crypto';
import { EventRows } from '../support/event-rows.js';
import { expectProblem, expectTooLittleScope } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

interface Letter {
  readonly id: string;
  readonly event_id: string;
  readonly subscription_id: string;
}

const path = '/admin/events/dead-letters';
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server: TestServer;
let rows: EventRows;
let clientId: string;

beforeAll(async () => {
  server = await startServer();
  rows = await EventRows.open(server);
  ({ client_id: clientId } = await server.createClient({ client_name: 'Receiver' }));
});

afterAll(async () => {
  await rows?.close();
  await server?.stop();
});

async function list(query: string): Promise<{ items: Letter[]; next_cursor: string | null }> {
  const response = await server.asAdmin('GET', `${path}?${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { items: Letter[]; next_cursor: string | null };
}

async function idsOf(query: string): Promise<string[]> {
  return (await list(query)).items.map(({ id }) => id);
}

async function pointers(response: Response): Promise<string[]> {
  await expectProblem(response, 400);
  const { errors } = (await response.json()) as { errors: { pointer: string }[] };
  return errors.map(({ pointer }) => pointer);
}

async function replayed(body?: object): Promise<unknown> {
  const response = await server.asAdmin('POST', `${path}/replay`, body);
  return [response.status, await response.json()];
}

describe('the list', () => {
  it('shows what was given up, newest first, page by page', async () => {
    const subscription = await rows.subscription({ clientId });
    const first = await rows.deadLetter(subscription);
    const second = await rows.deadLetter(subscription);
    const { items } = await list(`subscription_id=${subscription}`);
    expect(items).toEqual(
      [second, first].map(({ id, eventId, deadLetterId }) => ({
        id: deadLetterId,
        delivery_id: id,
        event_id: eventId,
        event_type: 'order.created',
        subscription_id: subscription,
        reason: 'attempts_exhausted',
        attempt_count: 4,
        first_failed_at: expect.stringMatching(rfc3339),
        dead_at: expect.stringMatching(rfc3339),
        replayed_at: null,
      })),
    );

    const { items: page, next_cursor: cursor } = await list(`subscription_id=${subscription}&limit=1`);
    expect(page.map(({ id }) => id)).toEqual([second.deadLetterId]);
    const next = await list(`subscription_id=${subscription}&limit=1&cursor=${cursor}`);
    expect([next.items.map(({ id }) => id), next.next_cursor]).toEqual([[first.deadLetterId], null]);
    expect(await pointers(await server.asAdmin('GET', `${path}?limit=1&cursor=${cursor}`))).toEqual(['/cursor']);
  });

  it('filters by subscription, type and time', async () => {
    const subscription = await rows.subscription({ clientId });
    const type = 'filter.paid';
    const old = await rows.deadLetter(subscription, { type, deadAt: '2026-01-01T00:00:00Z' });
    const late = await rows.deadLetter(subscription, { type, deadAt: '2026-01-02T00:00:00Z' });
    const other = await rows.deadLetter(await rows.subscription({ clientId }), { type });
    const mine = `subscription_id=${subscription.toUpperCase()}`;
    expect(await idsOf(`event_type=${type}`)).toEqual([other, late, old].map(({ deadLetterId }) => deadLetterId));
    expect(await idsOf(`${mine}&event_type=${type}`)).toEqual([late.deadLetterId, old.deadLetterId]);
    expect(await idsOf(`${mine}&event_type=filter`)).toEqual([]);
    expect(await idsOf(`${mine}&from=2026-01-02T00:00:00Z`)).toEqual([late.deadLetterId]);
    expect(await idsOf(`${mine}&to=2026-01-02T00:00:00Z`)).toEqual([old.deadLetterId]);
    expect(await idsOf(`${mine}&from=2026-01-01T01:00:00%2B01:00&to=2026-01-01T00:00:00.001Z`)).toEqual([
      old.deadLetterId,
    ]);
  });

  it.each<[string, string]>([
    ['subscription_id', 'x'],
    ['subscription_id', "' OR '1'='1"],
    ['subscription_id', '.*'],
    ['event_type', ''],
    ['event_type', "x' OR 1=1 --"],
    ['event_type', '.*'],
    ['event_type', 'order.*'],
    ['event_type', '(a+)+$'],
    ['event_type', 'x'.repeat(300)],
    ['from', 'yesterday'],
    ['from', '2026-02-30T00:00:00Z'],
    ['to', '2026-01-01'],
    ['to', '0000-01-01T00:00:00Z'],
    ['to', '9999-12-31T23:59:59-12:00'],
  ])('E-17: refuses %s=%j, in the list and in a replay', async (name, value) => {
    const query = new URLSearchParams({ [name]: value }).toString();
    expect(await pointers(await server.asAdmin('GET', `${path}?${query}`))).toEqual([`/${name}`]);
    expect(await pointers(await server.asAdmin('POST', `${path}/replay`, { [name]: value }))).toEqual([`/${name}`]);
  });

  it('refuses a time that ends before it begins', async () => {
    const [from, to] = ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z'];
    expect(await pointers(await server.asAdmin('GET', `${path}?from=${from}&to=${to}`))).toEqual(['/from']);
    expect(await pointers(await server.asAdmin('POST', `${path}/replay`, { from, to }))).toEqual(['/from']);
  });
});

describe('replaying one', () => {
  it('makes its delivery due again, once', async () => {
    const subscription = await rows.subscription({ clientId });
    const letter = await rows.deadLetter(subscription);
    const { result, entries } = await audited(() =>
      server.asAdmin('POST', `${path}/${letter.deadLetterId.toUpperCase()}/replay`),
    );
    expect(result.status).toBe(202);
    expect(await result.json()).toMatchObject({
      id: letter.deadLetterId,
      delivery_id: letter.id,
      event_id: letter.eventId,
      replayed_at: expect.stringMatching(rfc3339),
    });
    expect(entries).toEqual([
      {
        action: 'dead_letter.replayed',
        success: true,
        target_type: 'dead_letter',
        target_id: letter.deadLetterId,
        details: expect.objectContaining({ subscription_id: subscription, event_id: letter.eventId }),
      },
    ]);
    expect(await deliveryOf(letter.id)).toEqual({
      status: 'pending',
      attempt_count: 4,
      attempts_before: 4,
      is_due: true,
      is_shown: true,
      finished_at: null,
    });
    expect(await idsOf(`subscription_id=${subscription}`)).toEqual([]);

    const again = await audited(() => server.asAdmin('POST', `${path}/${letter.deadLetterId}/replay`));
    await expectProblem(again.result, 404);
    expect(again.entries).toMatchObject([{ action: 'dead_letter.replayed', success: false }]);
    await expectProblem(await server.asAdmin('DELETE', `${path}/${letter.deadLetterId}`), 404);
  });

  it('is refused where nobody is left to deliver to', async () => {
    const subscription = await rows.subscription({ clientId });
    const letter = await rows.deadLetter(subscription);
    await rows.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [subscription]);
    await expectProblem(await server.asAdmin('POST', `${path}/${letter.deadLetterId}/replay`), 409);
    expect(await replayed({ subscription_id: subscription, dry_run: true })).toEqual([202, { replayed: 0 }]);
    expect(await replayed({ subscription_id: subscription })).toEqual([202, { replayed: 0 }]);
    expect(await idsOf(`subscription_id=${subscription}`)).toEqual([letter.deadLetterId]);
    expect((await server.asAdmin('DELETE', `${path}/${letter.deadLetterId}`)).status).toBe(204);
  });

  it('takes no members, and no other body than JSON', async () => {
    const letter = await rows.deadLetter(await rows.subscription({ clientId }));
    const own = `${path}/${letter.deadLetterId}/replay`;
    expect(await pointers(await server.asAdmin('POST', own, { dry_run: true, toString: 1 }))).toEqual([
      ...['/dry_run', '/toString'],
    ]);
    const headers = { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'text/plain' };
    await expectProblem(await server.fetch(own, { method: 'POST', headers, body: '{}' }), 415);
    expect((await server.asAdmin('POST', own, {})).status).toBe(202);
  });

  it.each(['x', '%00', '__proto__', randomUUID(), `${randomUUID()}'`])('M-13: knows no %s', async (id) => {
    await expectProblem(await server.asAdmin('POST', `${path}/${id}/replay`), 404);
    await expectProblem(await server.asAdmin('DELETE', `${path}/${id}`), 404);
  });
});

describe('replaying by filter', () => {
  it('counts without a change, then replays what was counted', async () => {
    const subscription = await rows.subscription({ clientId });
    const other = await rows.subscription({ clientId });
    const letters = [
      await rows.deadLetter(subscription),
      await rows.deadLetter(subscription),
      await rows.deadLetter(subscription),
    ];
    const paid = await rows.deadLetter(subscription, { type: 'order.paid' });
    await rows.deadLetter(other);

    const filter = { subscription_id: subscription, event_type: 'order.created', from: '2026-01-01T00:00:00Z' };
    const dry = await audited(() => replayed({ ...filter, dry_run: true }));
    expect([dry.result, dry.entries]).toEqual([[202, { replayed: 3 }], []]);
    expect((await idsOf(`subscription_id=${subscription}`)).length).toBe(4);

    const { result, entries } = await audited(() => replayed({ ...filter, dry_run: false }));
    expect(result).toEqual([202, { replayed: 3 }]);
    expect(entries).toEqual([
      {
        action: 'dead_letter.replayed',
        success: true,
        target_type: 'dead_letter',
        target_id: null,
        details: {
          subscription_id: subscription,
          event_type: 'order.created',
          from: '2026-01-01T00:00:00.000Z',
          replayed: 3,
        },
      },
    ]);
    expect(await idsOf(`subscription_id=${subscription}`)).toEqual([paid.deadLetterId]);
    expect((await idsOf(`subscription_id=${other}`)).length).toBe(1);
    for (const { id } of letters) expect(await deliveryOf(id)).toMatchObject({ status: 'pending', is_due: true });
    expect(await replayed(filter)).toEqual([202, { replayed: 0 }]);
  });

  it('takes all there is when nothing is said', async () => {
    const subscription = await rows.subscription({ clientId });
    await rows.deadLetter(subscription);
    const [, counted] = (await replayed({ dry_run: true })) as [number, { replayed: number }];
    expect(counted.replayed).toBeGreaterThan(0);
    expect(await replayed()).toEqual([202, counted]);
    expect(await idsOf('')).toEqual([]);
    expect(await replayed({})).toEqual([202, { replayed: 0 }]);
  });

  it('replays more than one batch holds, and counts them', async () => {
    const subscription = await rows.subscription({ clientId });
    const { id } = await rows.deadLetter(subscription);
    await rows.query(
      `WITH event AS (
         INSERT INTO events (id, source, source_id, type, occurred_at, envelope, routed_at)
         SELECT gen_random_uuid(), 'many', n::text, 'many.created', now(), '{}', now() FROM generate_series(1, 12000) n
         RETURNING id, seq
       ), delivery AS (
         INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, status, attempt_count, due_at, finished_at)
         SELECT gen_random_uuid(), id, $1, 'many.created', 'bulk', seq, 'dead', 4, now(), now() FROM event RETURNING id, event_id
       )
       SELECT count(*) FROM delivery`,
      [subscription],
    );
    await rows.query(
      `INSERT INTO dead_letters (id, delivery_id, event_id, event_type, subscription_id, reason, attempt_count)
       SELECT gen_random_uuid(), id, event_id, event_type, subscription_id, 'attempts_exhausted', 4
       FROM deliveries WHERE subscription_id = $1 AND id <> $2`,
      [subscription, id],
    );
    expect(await replayed({ subscription_id: subscription, dry_run: true })).toEqual([202, { replayed: 12_001 }]);
    const { result, entries } = await audited(() => replayed({ subscription_id: subscription }));
    expect(result).toEqual([202, { replayed: 12_001 }]);
    expect(entries.map(({ details }) => details['replayed'])).toEqual(expect.arrayContaining([10_000, 2_001]));
    const [left] = await rows.query(
      `SELECT count(*) FILTER (WHERE status = 'dead')::int AS dead, count(*) FILTER (WHERE attempts_before = 4)::int AS due
       FROM deliveries WHERE subscription_id = $1`,
      [subscription],
    );
    expect(left).toEqual({ dead: 0, due: 12_001 });
  });

  it.each<[object, string[]]>([
    [{ subscription: 'x' }, ['/subscription']],
    [{ subscription_id: null }, ['/subscription_id']],
    [{ event_type: 1 }, ['/event_type']],
    [{ dry_run: 'yes' }, ['/dry_run']],
    [{ dry_run: null }, ['/dry_run']],
    [{ from: 'x', to: 'y' }, ['/from', '/to']],
  ])('refuses the body %j', async (body, expected) => {
    expect(await pointers(await server.asAdmin('POST', `${path}/replay`, body))).toEqual(expected);
  });
});

it('deletes one for good', async () => {
  const subscription = await rows.subscription({ clientId });
  const letter = await rows.deadLetter(subscription);
  const own = `${path}/${letter.deadLetterId}`;
  const { result, entries } = await audited(() => server.asAdmin('DELETE', own));
  expect(result.status).toBe(204);
  expect(entries).toMatchObject([
    { action: 'dead_letter.deleted', success: true, target_type: 'dead_letter', target_id: letter.deadLetterId },
  ]);
  expect(await idsOf(`subscription_id=${subscription}`)).toEqual([]);
  expect(await deliveryOf(letter.id)).toMatchObject({ status: 'dead' });
  await expectProblem(await server.asAdmin('DELETE', own), 404);
  await expectProblem(await server.asAdmin('POST', `${own}/replay`), 404);
});

it('E-17: needs admin:events', async () => {
  const weak = await server.createClient({ client_name: 'Weak', scope: 'admin:oauth events:publish' });
  const authorization = `Bearer ${await server.tokenOf(weak)}`;
  const id = randomUUID();
  for (const [method, at] of [
    ['GET', path],
    ['POST', `${path}/replay`],
    ['POST', `${path}/${id}/replay`],
    ['DELETE', `${path}/${id}`],
  ] as const) {
    await expectTooLittleScope(await server.fetch(at, { method, headers: { authorization } }), 'admin:events');
  }
});

interface Entry {
  readonly action: string;
  readonly success: boolean;
  readonly target_type: string;
  readonly target_id: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

async function audited<T>(act: () => Promise<T>): Promise<{ result: T; entries: Entry[] }> {
  const before = await rows.query<{ id: string }>('SELECT id FROM audit_log');
  const result = await act();
  const entries = await rows.query<Entry>(
    `SELECT action, success, target_type, target_id, details FROM audit_log
     WHERE NOT id = ANY ($1::uuid[]) AND action <> 'token.issued' ORDER BY occurred_at, id`,
    [before.map(({ id }) => id)],
  );
  return { result, entries };
}

async function deliveryOf(id: string): Promise<unknown> {
  const [row] = await rows.query(
    `SELECT status, attempt_count, attempts_before, due_at <= now() AS is_due, next_attempt_at IS NOT NULL AS is_shown,
       finished_at FROM deliveries WHERE id = $1`,
    [id],
  );
  return row;
}
