import type { AccessRule } from '../access/index.js';
import { type BodyDeclaration, failsAsOAuth } from '../http/index.js';
import { bodySchema } from './body-schema.js';
import type { AnswerDocumentation, Documentation, Headers } from './documentation.js';
import { faultAnswers, headersOf } from './faults.js';
import { exampleOf, named, type Schema } from './schema.js';

/** What is known of one operation of the document. */
export interface Route {
  readonly method: string;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly operationId: string;
  readonly rule: AccessRule;
  readonly documentation: Documentation;
  readonly body: BodyDeclaration | undefined;
}

/** The Operation Object of a route (OpenAPI 3.1 §4.8.10). */
export function operationOf(route: Route): Schema {
  const { documentation, rule, path } = route;
  const { tag, summary, description, form } = documentation;
  const oauth = failsAsOAuth(path);
  const parameters = parametersOf(route);
  const hasBody = route.body !== undefined || documentation.requestContent !== undefined;
  const faults = faultAnswers({ rule, documentation, oauth, hasBody, changes: route.method !== 'GET' });
  const answers = Object.entries(documentation.answers).map(([status, it]) => [
    status,
    answerOf(it, oauth || isAdmin(path)),
  ]);
  return {
    operationId: route.operationId,
    tags: [tag],
    summary,
    description,
    security: securityOf(rule, form !== undefined),
    parameters: parameters.length === 0 ? undefined : parameters,
    requestBody: requestBodyOf(route),
    responses: { ...faults, ...(Object.fromEntries(answers) as object) },
  };
}

/** Everything there is answered anew each time (http-api.md "Conventions"). */
function isAdmin(path: string): boolean {
  return path.startsWith('/admin');
}

/** A scope – or, on the machine itself, nothing –, the authentication of a client – with a header or a certificate, or in the form –, or nothing. */
function securityOf(rule: AccessRule, clientAuthenticates: boolean): Schema[] {
  if (rule.kind === 'scope') return [{ oauth2: [rule.scope] }, ...(rule.openToLoopback === true ? [{}] : [])];
  return clientAuthenticates ? [{ client_secret_basic: [] }, { client_certificate: [] }, {}] : [];
}

function parametersOf({ path, documentation }: Route): Schema[] {
  const described = documentation.pathParameters ?? {};
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const unknown = Object.keys(described).filter((name) => !names.includes(name));
  const missing = names.filter((name) => !(name in described));
  if (unknown.length + missing.length > 0)
    throw new Error(`${path}: path parameters ${[...unknown, ...missing].join(', ')}`);
  return [
    ...Object.entries(described).map(([name, schema]) => parameter('path', name, schema, true)),
    ...Object.entries(documentation.query ?? {}).map(([name, schema]) => parameter('query', name, schema, false)),
    ...Object.entries(documentation.requestHeaders ?? {}).map(([name, schema]) =>
      parameter('header', name, schema, false),
    ),
  ];
}

function parameter(place: string, name: string, { description, ...schema }: Schema, required: boolean): Schema {
  return { name, in: place, description, required, schema };
}

function requestBodyOf({ documentation, body, path, method }: Route): Schema | undefined {
  const { form, body: described, requestContent } = documentation;
  if (requestContent !== undefined) return { required: true, content: contentOf(requestContent) };
  if (form !== undefined) {
    return {
      required: true,
      content: { 'application/x-www-form-urlencoded': { schema: form, example: exampleOf(form) } },
    };
  }
  if ((body === undefined) !== (described === undefined))
    throw new Error(`${method} ${path}: its body is not described`);
  if (body === undefined || described === undefined) return undefined;
  const schema = named(body.type.name, bodySchema(body.type, described.members));
  const content = { schema, example: described.example };
  const mediaTypes = method === 'PATCH' ? ['application/merge-patch+json', 'application/json'] : ['application/json'];
  return { required: !body.optional, content: Object.fromEntries(mediaTypes.map((type) => [type, content])) };
}

const noStore: Headers = {
  'Cache-Control': { type: 'string', description: 'Nothing of it is kept.', const: 'no-store' },
};

function answerOf({ description, schema, content, headers }: AnswerDocumentation, isPrivate: boolean): Schema {
  const bodies = content ?? (schema === undefined ? undefined : { 'application/json': schema });
  return {
    description,
    headers: headersOf({ ...(isPrivate ? noStore : {}), ...headers }),
    content: bodies && contentOf(bodies),
  };
}

function contentOf(bodies: Readonly<Record<string, Schema>>): Schema {
  return Object.fromEntries(
    Object.entries(bodies).map(([type, body]) => [type, { schema: body, example: exampleOf(body) }]),
  );
}
