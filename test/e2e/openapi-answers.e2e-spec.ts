/** What the server answers is what `/openapi.json` says: status, media type, headers and every member, no more and no less. */
import { EventRows } from '../support/event-rows.js';
import { closed, type Json, type SchemaCheck, schemaCheck } from '../support/json-schema.js';
import { type Document, operationsOf, type PlacedOperation, readDocument, resolved } from '../support/openapi.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

interface Sent {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /** The administrator unless given; `null`: nobody. */
  readonly as?: string | null;
  readonly mediaType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

let server: TestServer;
let document: Document;
let operations: ReadonlyMap<string, PlacedOperation>;
let check: SchemaCheck;
let closeCheck: () => Promise<void>;
let billing: Credentials;
let token: string;
const seen = new Set<string>();

beforeAll(async () => {
  server = await startServer();
  document = await readDocument(server);
  operations = new Map(operationsOf(document).map((operation) => [operation.operationId, operation]));
  ({ check, close: closeCheck } = schemaCheck(document.components));
  billing = await server.createClient({
    client_name: 'B',
    client_id: 'billing-1',
    grant_types: ['client_credentials', 'refresh_token'],
    scope: 'read:profile',
  });
  token = await server.tokenOf(billing);
});

afterAll(async () => {
  await closeCheck?.();
  await server?.stop();
});

function operation(id: string): PlacedOperation {
  const found = operations.get(id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
}

/** The example of the body of an operation. */
function exampleBody(id: string): Readonly<Record<string, unknown>> {
  const [media] = Object.values(operation(id).requestBody?.content ?? {});
  return media?.example as Readonly<Record<string, unknown>>;
}

async function send({ method, path, security }: PlacedOperation, sent: Sent): Promise<Response> {
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(sent.path?.[name] ?? ''));
  const headers: Record<string, string> = { ...sent.headers };
  const bearer = sent.as === undefined ? await server.adminToken() : sent.as;
  if (bearer !== null && security.some(({ oauth2 }) => oauth2 !== undefined))
    headers['authorization'] = `Bearer ${bearer}`;
  if (sent.form !== undefined && sent.as !== null) headers['authorization'] = basic(billing);
  const body = sent.form === undefined ? sent.body : new URLSearchParams(sent.form);
  if (sent.body !== undefined) headers['content-type'] = sent.mediaType ?? 'application/json';
  const text = body === undefined || body instanceof URLSearchParams ? body : JSON.stringify(body);
  return server.fetch(`${address}${sent.query ?? ''}`, {
    method,
    headers,
    ...(text === undefined ? {} : { body: text }),
  });
}

/** Calls an operation, and holds its answer against the document. */
async function call(id: string, status: number, sent: Sent = {}): Promise<unknown> {
  const asked = operation(id);
  const response = await send(asked, sent);
  const text = await response.text();
  expect([id, response.status, response.status === status ? '' : text]).toEqual([id, status, '']);
  const documented = asked.responses[String(status)];
  if (documented === undefined) throw new Error(`${id} does not document ${status}`);
  const { headers = {}, content } = resolved(document, documented);
  for (const [name, header] of Object.entries(headers)) {
    if (name === 'DPoP-Nonce') continue;
    const { schema } = resolved<{ schema?: Json }>(document, header);
    const value = response.headers.get(name);
    const typed = schema?.['type'] === 'integer' ? Number(value) : value;
    expect([id, name, await check(typed, schema ?? {})]).toEqual([id, name, []]);
  }
  seen.add(id);
  if (content === undefined) {
    expect([id, text]).toEqual([id, '']);
    return undefined;
  }
  const mediaType = response.headers.get('content-type')?.split(';', 1)[0] ?? '';
  expect(Object.keys(content)).toContain(mediaType);
  const value: unknown = /[/+]json$/.test(mediaType) ? JSON.parse(text) : text;
  if (id !== 'getOpenApiDocument') {
    expect([id, await check(value, closed(content[mediaType]?.schema) as Json)]).toEqual([id, []]);
  }
  return value;
}

const client = { client_id: 'billing' };

it('clients', async () => {
  expect(await call('createClient', 201, { body: exampleBody('createClient') })).toMatchObject(client);
  await call('createClient', 409, { body: exampleBody('createClient') });
  await call('createClient', 400, { body: { client_name: 1, foo: 1 } });
  await call('createClient', 415, { body: {}, mediaType: 'text/plain' });
  await call('createClient', 413, { body: { client_name: 'x'.repeat(1_100_000) } });
  await call('listClients', 200, { query: '?limit=1&status=active&q=b' });
  await call('listClients', 400, { query: '?limit=1&limit=2' });
  await call('getClient', 200, { path: client });
  await call('getClient', 404, { path: { client_id: 'nobody' } });
  for (const mediaType of ['application/merge-patch+json', 'application/json']) {
    await call('updateClient', 200, { path: client, body: exampleBody('updateClient'), mediaType });
  }
  await call('updateClient', 409, { path: { client_id: server.admin.client_id }, body: { status: 'disabled' } });
  const { secret_id } = (await call('regenerateClientSecret', 200, {
    path: client,
    body: exampleBody('regenerateClientSecret'),
  })) as { secret_id: string };
  await call('regenerateClientSecret', 200, { path: client });
  await call('deleteClientSecret', 404, { path: { ...client, secret_id } });
  const { secrets } = (await call('getClient', 200, { path: client })) as { secrets: { secret_id: string }[] };
  await call('deleteClientSecret', 409, { path: { ...client, secret_id: secrets[0]?.secret_id ?? '' } });
  await call('regenerateClientSecret', 200, { path: client, body: { overlap_seconds: 60 } });
  await call('deleteClientSecret', 204, { path: { ...client, secret_id: secrets[0]?.secret_id ?? '' } });
  await call('revokeTokensOfClient', 200, { path: client });
  await call('deleteClient', 204, { path: client });
  await call('deleteClient', 404, { path: client });
});

it('scopes', async () => {
  const body = exampleBody('createScope');
  const path = { name: body['name'] as string };
  await call('createScope', 201, { body });
  await call('createScope', 409, { body });
  await call('createScope', 400, { body: { name: 'admin:x' } });
  await call('listScopes', 200, { query: '?limit=2' });
  await call('updateScope', 200, { path, body: exampleBody('updateScope') });
  await call('updateScope', 404, { path: { name: 'no:body' }, body: {} });
  await call('deleteScope', 204, { path });
  await call('deleteScope', 409, { path: { name: 'read:profile' } });
});

it('tokens, and who may use them', async () => {
  const form = { grant_type: 'client_credentials', scope: 'read:profile' };
  const { refresh_token } = (await call('requestToken', 200, { form })) as { refresh_token: string };
  await call('requestToken', 200, { form: { grant_type: 'refresh_token', refresh_token } });
  await call('requestToken', 400, { form: { ...form, scope: 'admin:full' } });
  await call('requestToken', 401, { form, as: null });
  await call('requestToken', 413, { form: { ...form, x: 'x'.repeat(70_000) } });
  await call('requestToken', 415, { form, headers: { 'content-encoding': 'gzip' } });
  expect(await call('introspectToken', 200, { form: { token } })).toMatchObject({ active: true });
  expect(await call('introspectToken', 200, { form: { token: 'x' } })).toEqual({ active: false });
  await call('introspectToken', 400, { form: {} });
  await call('revokeOwnToken', 200, { form: { token } });
  const { items } = (await call('listTokens', 200, { query: '?status=active' })) as { items: { jti: string }[] };
  await call('revokeToken', 204, { path: { jti: items[0]?.jti ?? '' }, body: exampleBody('revokeToken') });
  await call('revokeToken', 404, { path: { jti: 'x' }, body: {} });
  await call('listTokens', 401, { as: token });
  await call('listTokens', 401, { as: null });
  await call('listTokens', 403, { as: await server.tokenOf(billing) });
});

it('keys and discovery', async () => {
  await call('getJwks', 200);
  await call('getPublicKey', 200);
  await call('getMetadata', 200);
  await call('getMetadataAlias', 200);
  await call('listKeys', 200, { query: '?limit=10' });
  const { kid } = (await call('rotateKeys', 200, { body: exampleBody('rotateKeys') })) as { kid: string };
  await call('rotateKeys', 409, { body: {} });
  await call('revokeKey', 204, { path: { kid }, body: exampleBody('revokeKey') });
  await call('revokeKey', 409, { path: { kid } });
  await call('revokeKey', 404, { path: { kid: 'x' } });
});

it('the audit log', async () => {
  await call('listAuditEntries', 200, { query: '?limit=200' });
  await call('listAuditEntries', 200, { query: '?success=false&action=token.denied&client_id=billing-1' });
  await call('listAuditEntries', 400, { query: '?success=maybe' });
  await call('exportAuditLog', 200);
  await call('exportAuditLog', 200, { query: '?format=csv' });
  await call('exportAuditLog', 400, { query: '?format=xml' });
  await call('verifyAuditLog', 200);
});

it('subscriptions', async () => {
  const created = await call('createSubscription', 201, { body: exampleBody('createSubscription') });
  const path = { id: (created as { id: string }).id };
  await call('createSubscription', 400, { body: { name: 1, foo: 1 } });
  const auth = { type: 'oauth2', scope: 'read:profile' };
  await call('createSubscription', 201, {
    body: { ...exampleBody('createSubscription'), client_id: 'billing-1', auth, headers: { 'X-Region': 'eu' } },
  });
  await call('listSubscriptions', 200, { query: '?limit=2&status=active&q=inv&client_id=billing-1' });
  await call('getSubscription', 200, { path });
  await call('updateSubscription', 200, { path, body: exampleBody('updateSubscription') });
  await call('rotateSigningSecret', 200, { path, body: exampleBody('rotateSigningSecret') });
  for (let live = 2; live < 5; live += 1) {
    await call('rotateSigningSecret', 200, { path, body: exampleBody('rotateSigningSecret') });
  }
  await call('rotateSigningSecret', 409, { path, body: exampleBody('rotateSigningSecret') });
  await call('testSubscription', 202, { path, body: exampleBody('testSubscription') });
  await call('testSubscription', 202, { path });
  await call('testSubscription', 400, { path, body: { url: 'http://127.0.0.1/' } });
  await call('deleteSubscription', 204, { path });
  for (const id of ['getSubscription', 'updateSubscription', 'deleteSubscription', 'rotateSigningSecret']) {
    await call(id, 404, { path, ...(id === 'updateSubscription' ? { body: {} } : {}) });
  }
});

it('publishing, and the catalogue of types', async () => {
  const publisher = await server.createClient({ client_name: 'P', client_id: 'shop', scope: 'events:publish' });
  const as = await server.tokenOf(publisher);
  const { content = {} } = operation('publishEvents').requestBody ?? {};
  for (const [mediaType, { example: body }] of Object.entries(content)) {
    await call('publishEvents', 202, { as, mediaType, body });
  }
  await call('publishEvents', 400, { as, body: {} });
  await call('publishEvents', 415, { as, body: {}, mediaType: 'text/plain' });
  await call('publishEvents', 413, { as, body: 'x'.repeat(1_100_000) });
  await call('publishEvents', 403);
  const path = { type: exampleBody('createEventType')['type'] as string };
  await call('createEventType', 201, { body: exampleBody('createEventType') });
  await call('createEventType', 409, { body: exampleBody('createEventType') });
  await call('createEventType', 400, { body: { type: 'x.*' } });
  await call('listEventTypes', 200, { query: '?limit=1' });
  await call('getEventType', 200, { path });
  await call('updateEventType', 200, { path, body: exampleBody('updateEventType') });
  await call('updateEventType', 200, { path, body: { schema: null } });
  await call('deleteEventType', 204, { path });
  for (const id of ['getEventType', 'updateEventType', 'deleteEventType']) {
    await call(id, 404, { path, ...(id === 'updateEventType' ? { body: {} } : {}) });
  }
});

it('dead letters and polling', async () => {
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  const receiver = await server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
  const as = await server.tokenOf(receiver);
  const rows = await EventRows.open(server);
  const subscription_id = await rows.subscription({ clientId: receiver.client_id });
  const [one, two] = [await rows.deadLetter(subscription_id), await rows.deadLetter(subscription_id)];
  const { id } = await rows.delivery(subscription_id);
  await rows.close();
  await call('listDeadLetters', 200, { query: '?limit=1&event_type=order.created' });
  await call('listDeadLetters', 400, { query: '?subscription_id=x' });
  await call('replayDeadLetter', 202, { path: { id: one.deadLetterId } });
  await call('replayDeadLetter', 404, { path: { id: one.deadLetterId } });
  await call('deleteDeadLetter', 204, { path: { id: two.deadLetterId } });
  await call('deleteDeadLetter', 404, { path: { id: two.deadLetterId } });
  await call('replayDeadLetters', 202, { body: exampleBody('replayDeadLetters') });
  await call('replayDeadLetters', 202);
  await call('replayDeadLetters', 400, { body: { dry_run: 1 } });
  await call('pollEvents', 200, { as, query: `?subscription_id=${subscription_id}&max_events=2` });
  await call('pollEvents', 404, { as, query: `?subscription_id=${id}` });
  await call('pollEvents', 403, { query: `?subscription_id=${subscription_id}` });
  await call('acknowledgeEvents', 200, { as, body: { subscription_id, acks: [id] } });
  await call('acknowledgeEvents', 404, { as, body: exampleBody('acknowledgeEvents') });
});

it('deliveries and their numbers', async () => {
  const { items } = (await call('listDeliveries', 200, { query: '?status=succeeded' })) as { items: { id: string }[] };
  expect(items.length).toBeGreaterThan(0);
  await call('listDeliveries', 400, { query: '?status=x' });
  for (const { id } of items) await call('getDelivery', 200, { path: { id } });
  await call('getDelivery', 404, { path: { id: 'x' } });
  await call('getEventMetrics', 200);
});

it('state', async () => {
  const service = await server.createClient({ client_name: 'Service', scope: 'state:read state:write' });
  const as = await server.tokenOf(service);
  const path = { resource_type: 'price', resource_id: 'article 4711/1' };
  const body = { net: 1990 };
  await call('listStateChanges', 200, { as });
  await call('putState', 201, { as, path, body });
  await call('putState', 200, { as, path, body });
  await call('putState', 412, { as, path, body, headers: { 'if-match': '"2"' } });
  await call('putState', 400, { as, path, body: [] });
  await call('putState', 413, { as, path, body: { text: 'x'.repeat(300_000) } });
  await call('putState', 415, { as, path, body, mediaType: 'text/plain' });
  await call('putState', 403, { path, body });
  await call('getState', 200, { as, path });
  await call('getState', 304, { as, path, headers: { 'if-none-match': '"1"' } });
  await call('deleteState', 412, { as, path, headers: { 'if-match': '"2"' } });
  await call('deleteState', 204, { as, path });
  for (const id of ['getState', 'deleteState']) {
    await call(id, 410, { as, path });
    await call(id, 404, { as, path: { ...path, resource_id: 'x' } });
    await call(id, 400, { as, path: { ...path, resource_id: '\n' } });
  }
  await call('listStateChanges', 200, { as, query: '?limit=1&wait_seconds=5&resource_type=price' });
  await call('listStateChanges', 400, { as, query: '?since=x' });
});

it('statistics, probes and this document', async () => {
  await call('getStatistics', 200, { query: '?bucket=day' });
  await call('getStatistics', 400, { query: '?from=yesterday' });
  await call('getLiveness', 200);
  await call('getReadiness', 200);
  await call('getMetrics', 200);
  await call('getOpenApiDocument', 200);
  await call('getDocumentationPage', 200);
  for (const file of ['swagger-ui.css', 'initializer.js']) await call('getDocumentationAsset', 200, { path: { file } });
  await call('getDocumentationAsset', 404, { path: { file: 'x' } });
});

it('takes every parameter of a query that is documented, within its bounds only', async () => {
  for (const asked of operations.values()) {
    // It must name a subscription, with a token of its client: the tests of polling try the rest.
    if (asked.operationId === 'pollEvents') continue;
    // It needs a client that may read states: so do the tests of the feed.
    if (asked.operationId === 'listStateChanges') continue;
    for (const { name, schema } of (asked.parameters ?? []).filter((parameter) => parameter.in === 'query')) {
      if (name === 'cursor') continue;
      // An example of a time is long past: no range reaches from then to now.
      const examples =
        schema['format'] === 'date-time' ? [new Date().toISOString()] : (schema['examples'] as unknown[]);
      const values = [...examples, ...((schema['enum'] as unknown[] | undefined) ?? [])];
      const { minimum, maximum, maxLength, enum: known, type, format } = schema as Record<string, number | undefined>;
      const beyond = [
        ...(minimum === undefined ? [] : [minimum - 1]),
        ...(maximum === undefined ? [] : [maximum + 1]),
        ...(maxLength === undefined ? [] : ['x'.repeat(maxLength + 1)]),
        ...(known === undefined && format === undefined && String(type) !== 'boolean' ? [] : ['something else']),
      ];
      const statusOf = async (value: unknown) =>
        (await send(asked, { query: `?${name}=${encodeURIComponent(String(value))}` })).status;
      for (const value of values)
        expect([asked.path, name, value, await statusOf(value)]).toEqual([asked.path, name, value, 200]);
      for (const value of beyond)
        expect([asked.path, name, value, await statusOf(value)]).toEqual([asked.path, name, value, 400]);
    }
  }
});

it('nothing was left out', () => {
  expect([...operations.keys()].filter((id) => !seen.has(id))).toEqual([]);
});
