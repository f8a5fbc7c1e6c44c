/** `/openapi.json` and `/docs`: the description of the API is true, complete and harmless (security.md M-01, H-05). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AllowedMethods } from '../../src/http/index.js';
import { ApiDocument } from '../../src/openapi/index.js';
import { closed, type SchemaCheck, schemaCheck } from '../support/json-schema.js';
import {
  type Document,
  examplesOf,
  type Media,
  objectsIn,
  operationsOf,
  type PlacedOperation,
  readDocument,
  resolved,
} from '../support/openapi.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let document: Document;
let operations: readonly PlacedOperation[];
let check: SchemaCheck;
let closeCheck: () => Promise<void>;

beforeAll(async () => {
  server = await startServer();
  // Says why, if it cannot be made.
  await server.running.app.get(ApiDocument, { strict: false }).json();
  document = await readDocument(server);
  operations = operationsOf(document);
  ({ check, close: closeCheck } = schemaCheck(document.components));
});

afterAll(async () => {
  await closeCheck?.();
  await server?.stop();
});

const where = ({ method, path }: PlacedOperation) => `${method} ${path}`;

describe('the document', () => {
  it('has every route of the running server and nothing else', () => {
    const registered = server.running.app
      .get(AllowedMethods)
      .all()
      .flatMap(({ pattern, methods }) => methods.map((method) => `${method} ${pattern.replaceAll(/:(\w+)/g, '{$1}')}`))
      .filter((route) => !route.startsWith('HEAD '));
    expect(operations.map(where).toSorted()).toEqual(registered.toSorted());
  });

  it('says what it describes', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Signet', version },
      servers: [{ url: server.issuer }],
    });
  });

  it('M-01: declares of each operation who may call it', () => {
    const flows = (
      document.components.securitySchemes['oauth2'] as { flows: { clientCredentials: { scopes: object } } }
    ).flows;
    const known = Object.keys(flows.clientCredentials.scopes);
    const isProtected = (path: string) => /^\/(admin|events|sync)(\/|$)/.test(path);
    for (const operation of operations) {
      const scopes = operation.security.flatMap(({ oauth2 = [] }) => oauth2);
      expect([where(operation), scopes.length]).toEqual([
        where(operation),
        isProtected(operation.path) ? 1 : scopes.length,
      ]);
      expect(known).toEqual(expect.arrayContaining(scopes));
      expect(
        operation.security.every((way) =>
          Object.keys(way).every((name) => name in document.components.securitySchemes),
        ),
      ).toBe(true);
    }
  });

  it('is whole: names are unique and known, and nothing refers to nothing', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = document.tags.map(({ name }) => name);
    for (const operation of operations) {
      expect(tags).toEqual(expect.arrayContaining([...operation.tags]));
      expect(operation.summary).toMatch(/\S/);
      const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name, required }) => [name, required])).toEqual(inPath.map((name) => [name, true]));
    }
    for (const part of objectsIn(document)) {
      if (typeof part['$ref'] === 'string') resolved(document, part as { $ref: string });
    }
  });

  it('uses every tag and every component', () => {
    const text = JSON.stringify(document);
    for (const section of ['schemas', 'responses', 'headers'] as const) {
      for (const name of Object.keys(document.components[section]))
        expect(text).toContain(`"#/components/${section}/${name}"`);
    }
    expect(new Set(operations.flatMap(({ tags }) => tags))).toEqual(new Set(document.tags.map(({ name }) => name)));
  });

  it('describes each answer, with examples that are valid', async () => {
    for (const operation of operations) {
      for (const [status, answer] of Object.entries(operation.responses)) {
        const { description, content = {} } = resolved(document, answer);
        expect(description).toMatch(/\S/);
        for (const media of Object.values(content)) await expectValid([where(operation), status], media, true);
      }
    }
  });

  it('describes each body and parameter, with an example that is valid', async () => {
    for (const operation of operations) {
      for (const media of Object.values(operation.requestBody?.content ?? {})) {
        await expectValid([where(operation)], media, false);
      }
      for (const { name, schema } of operation.parameters ?? []) {
        const [example] = schema['examples'] as unknown[];
        await expectValid([where(operation), name], { schema, example }, false);
      }
    }
  });

  async function expectValid(place: readonly string[], media: Media, isAnswer: boolean): Promise<void> {
    const schema = isAnswer ? (closed(media.schema) as Media['schema']) : media.schema;
    for (const example of examplesOf(media)) {
      expect([...place, await check(example, schema)]).toEqual([...place, []]);
    }
  }

  it('names the errors that can happen', () => {
    for (const operation of operations) {
      const { path, method, security, responses, requestBody, parameters = [] } = operation;
      const expected = new Set(['default']);
      if (security.some(({ oauth2 }) => oauth2 !== undefined))
        for (const status of ['401', '403', '503']) expected.add(status);
      if (requestBody !== undefined) for (const status of ['400', '413', '415']) expected.add(status);
      if (parameters.some((parameter) => parameter.in === 'query')) expected.add('400');
      if (path.includes('{')) expected.add('404');
      if (path.startsWith('/oauth/') && method === 'POST')
        for (const status of ['401', '429', '503']) expected.add(status);
      expect([where(operation), Object.keys(responses)]).toEqual([
        where(operation),
        expect.arrayContaining([...expected]),
      ]);
      for (const [status, answer] of Object.entries(responses)) {
        if (!/^[45]|default/.test(status) || path.startsWith('/health')) continue;
        const mediaType = path.startsWith('/oauth/') ? 'application/json' : 'application/problem+json';
        expect([where(operation), Object.keys(resolved(document, answer).content ?? {})]).toEqual([
          where(operation),
          [mediaType],
        ]);
        const { headers = {} } = resolved(document, answer);
        if (status === '401' || status === '403') expect(headers).toHaveProperty('WWW-Authenticate');
        if (status === '429' || status === '503') expect(headers).toHaveProperty('Retry-After');
      }
    }
  });

  it('takes the bounds of a body from what is checked', () => {
    expect(document.components.schemas['CreateClientBody']).toMatchObject({
      required: ['client_name'],
      additionalProperties: false,
      properties: {
        client_id: { type: ['string', 'null'], pattern: '^[A-Za-z0-9._-]{3,64}$' },
        client_name: { type: 'string', minLength: 1, maxLength: 200 },
        access_token_ttl_seconds: { type: ['integer', 'null'], minimum: 60, maximum: 86_400 },
        allowed_networks: { type: ['array', 'null'], maxItems: 100 },
      },
    });
    expect(document.components.schemas['UpdateClientBody']).toMatchObject({
      required: [],
      properties: { client_name: { type: 'string' }, status: { type: 'string', enum: ['active', 'disabled'] } },
    });
    expect(document.components.schemas['UpdateScopeBody']).toMatchObject({
      properties: { description: { type: ['string', 'null'], maxLength: 1000 } },
    });
  });

  it('takes a merge patch as such and as JSON', () => {
    for (const { requestBody } of operations.filter(({ method }) => method === 'PATCH')) {
      expect(Object.keys(requestBody?.content ?? {})).toEqual(['application/merge-patch+json', 'application/json']);
    }
  });
});

describe('how it is served', () => {
  it('to anybody, once', async () => {
    const first = await server.fetch('/openapi.json');
    expect(first.headers.get('content-type')).toMatch(/^application\/json/);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await server.fetch('/openapi.json', { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('H-05: as a page that loads nothing from elsewhere, under a strict policy', async () => {
    const response = await server.fetch('/docs');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    );
    const html = await response.text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|https?:|\/\//i);
    expect([...html.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)].map(([, , inline]) => inline)).toEqual(['', '']);
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
    expect(loaded).toEqual([
      'docs/swagger-ui.css',
      'docs/favicon-32x32.png',
      'docs/swagger-ui-bundle.js',
      'docs/initializer.js',
    ]);
    for (const address of loaded) {
      const file = await server.fetch(`/${address}`);
      expect([address, file.status]).toEqual([address, 200]);
      const etag = file.headers.get('etag') ?? '';
      await file.arrayBuffer();
      expect((await server.fetch(`/${address}`, { headers: { 'if-none-match': etag } })).status).toBe(304);
    }
  });

  it('with a slash behind it leads to the page, below a prefix too', async () => {
    const response = await server.fetch('/docs/', { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([308, '../docs']);
    const followed = await server.fetch('/docs/');
    expect([followed.status, new URL(followed.url).pathname]).toEqual([200, '/docs']);
  });

  it('H-05: with a style sheet and a script that the policy lets work', async () => {
    const css = await (await server.fetch('/docs/swagger-ui.css')).text();
    for (const [, address = ''] of css.matchAll(/url\(\s*["']?([^"')]+)/g)) expect(address).toMatch(/^data:image\//);
    expect(css).not.toMatch(/@import/);
    const script = await (await server.fetch('/docs/initializer.js')).text();
    expect(script).toContain("url: 'openapi.json'");
    expect(script).toContain('validatorUrl: null');
    expect(script).toContain('persistAuthorization: false');
  });

  it('H-05: unless the operator does not want it seen', async () => {
    const silent = await startServer({ env: { API_DOCS: 'false' } });
    for (const path of ['/openapi.json', '/docs', '/docs/', '/docs/swagger-ui.css']) {
      expect((await silent.fetch(path)).status).toBe(404);
    }
    await silent.stop();
  });

  it.each([
    'nothing.js',
    'package.json',
    '..%2fpackage.json',
    '%2e%2e%2f%2e%2e%2fpackage.json',
    'constructor',
    '__proto__',
  ])('H-05: and no other file: %s', async (name) => {
    expect((await server.fetch(`/docs/${name}`)).status).toBe(404);
  });
});
