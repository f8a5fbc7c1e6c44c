import type { AccessRule } from '../access/index.js';
import { asOAuthError } from '../http/index.js';
import {
  badRequest,
  bearerChallenge,
  forbidden,
  invalidClient,
  invalidRequest,
  type OAuthError,
  type OAuthErrorCode,
  oauthErrorBody,
  payloadTooLarge,
  Problem,
  problemBody,
  serverError,
  temporarilyUnavailable,
  unauthorized,
  unavailable,
  unsupportedMediaType,
} from '../protocol/index.js';
import type { Documentation, Headers } from './documentation.js';
import { count, list, named, object, oneOf, type Schema, text } from './schema.js';

/** What the rules go by. */
export interface RouteFacts {
  readonly rule: AccessRule;
  readonly documentation: Documentation;
  /** Whether the route fails as RFC 6749 §5.2 says. */
  readonly oauth: boolean;
  readonly hasBody: boolean;
  /** Whether it changes something. */
  readonly changes: boolean;
}

const errorCodes = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'temporarily_unavailable',
  'server_error',
  'invalid_dpop_proof',
  'use_dpop_nonce',
] as const satisfies readonly OAuthErrorCode[];

const oauthError = named(
  'OAuthError',
  object({
    error: oneOf('The error code (RFC 6749 §5.2, RFC 8707 §2, RFC 9449 §5).', errorCodes, 'invalid_request'),
    error_description: text('A sentence for the developer of the client.', 'the parameter grant_type is missing'),
  }),
);

const fault = object({
  pointer: text('Where (JSON Pointer, RFC 6901).', '/client_name'),
  detail: text('What.', 'must be a string'),
});

const problem = named(
  'Problem',
  object(
    {
      type: text('The kind of problem.', 'about:blank', { format: 'uri-reference' }),
      title: text('The reason phrase of the status.', 'Not Found'),
      status: { type: 'integer', minimum: 400, maximum: 599, description: 'The status.', examples: [404] },
      detail: text('What is wrong this time.', 'there is no client of this identifier'),
      errors: list('Every fault of the input, for bad input only.', fault),
    },
    ['errors'],
  ),
);

const retryAfter: Headers = { 'Retry-After': count('Seconds to wait before the next try.', 1, { minimum: 1 }) };

/** The answers that a route gives when something is wrong: those that can happen to it, by status. */
export function faultAnswers(facts: RouteFacts): Readonly<Record<string, Schema | undefined>> {
  return facts.oauth ? oauthFaults(facts) : problems(facts);
}

function oauthFaults({ documentation }: RouteFacts): Record<string, Schema | undefined> {
  const other = named('OAuthServerError', answer('Any other error.', serverError()), 'responses');
  return documentation.form === undefined ? { default: other } : { ...formFaults(), default: other };
}

function formFaults(): Record<string, Schema> {
  const invalid = invalidRequest('the parameter grant_type is missing');
  const dpop: Headers = { 'DPoP-Nonce': text('A nonce for the next DPoP proof (RFC 9449 §8).', 'Qk3xTj0vW9c') };
  const refused = 'Client authentication failed: the same answer for every reason.';
  const answers = {
    400: ['BadForm', answer('The request, grant, scope, target or DPoP proof is not valid.', invalid, dpop)],
    401: [
      'InvalidClient',
      answer(refused, invalidClient(''), challenge('Basic realm="oauth"', 'How to authenticate.')),
    ],
    413: ['FormTooLarge', answer('The body is over 64 KiB.', asOAuthError(payloadTooLarge()))],
    415: ['CompressedForm', answer('The body is compressed.', asOAuthError(unsupportedMediaType(noCompression)))],
    429: ['SlowDown', answer('Too many failures, or the rate limit.', temporarilyUnavailable(429, 1), retryAfter)],
    503: ['OAuthUnavailable', answer('The database is away.', temporarilyUnavailable(503, 1), retryAfter)],
  } as const;
  return Object.fromEntries(
    Object.entries(answers).map(([status, [name, it]]) => [status, named(name, it, 'responses')]),
  );
}

function problems(facts: RouteFacts): Record<string, Schema | undefined> {
  const { rule, documentation, hasBody, changes } = facts;
  const takesInput = hasBody || documentation.query !== undefined;
  const isProtected = rule.kind === 'scope';
  return {
    ...thrown(documentation.problems ?? [], takesInput ? [badInput(facts)] : []),
    401: isProtected ? unauthorizedAnswer : undefined,
    403: isProtected ? forbiddenAnswer(rule.scope, changes) : undefined,
    413: hasBody ? tooLarge : undefined,
    415: hasBody ? unsupported : undefined,
    503: isProtected || documentation.unavailable === true ? databaseAway : undefined,
    default: serverFault,
  };
}

/** An answer for each status of what the use case throws. */
function thrown(own: readonly Problem[], byRule: readonly Problem[]): Record<string, Schema> {
  const all = [...byRule, ...own];
  const statuses = [...new Set(all.map(({ status }) => status))];
  return Object.fromEntries(
    statuses.map((status) => [status, answerOfAny(all.filter((each) => each.status === status))]),
  );
}

function answerOfAny(alternatives: readonly Problem[]): Schema {
  const described = alternatives.map(({ detail, errors }) =>
    errors === undefined ? detail : 'the input is not valid',
  );
  const description = [...new Set(described)].join('; or ');
  const examples = alternatives.map((each) => [each.constructor.name, { value: problemBody(each) }]);
  const [first] = alternatives;
  const example = alternatives.length === 1 && first !== undefined ? { example: problemBody(first) } : undefined;
  return {
    description: `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    headers: headersOf(alternatives.some((each) => each.retryAfterSeconds !== undefined) ? retryAfter : {}),
    content: {
      'application/problem+json': { schema: problem, ...(example ?? { examples: Object.fromEntries(examples) }) },
    },
  };
}

function badInput({ hasBody, documentation }: RouteFacts): Problem {
  const [parameter = ''] = Object.keys(documentation.query ?? {});
  return hasBody
    ? badRequest([{ pointer: '/colour', detail: 'is not a member of this request' }])
    : badRequest([{ pointer: `/${parameter}`, detail: 'must not be repeated' }]);
}

function forbiddenAnswer(scope: string, changes: boolean): Schema {
  const headers = challenge(
    bearerChallenge({ error: 'insufficient_scope', scope }),
    'Where the token has too little scope.',
  );
  const more = changes ? ', or does not cover all that is granted or changed' : '';
  return answer(
    `The access token has too little scope${more}.`,
    forbidden('the access token has too little scope'),
    headers,
  );
}

function challenge(example: string, description: string): Headers {
  return { 'WWW-Authenticate': text(description, example) };
}

/** An answer in the words that the server would use. */
function answer(description: string, error: OAuthError | Problem, headers: Headers = {}): Schema {
  const isProblem = error instanceof Problem;
  const mediaType = isProblem ? 'application/problem+json' : 'application/json';
  const example = isProblem ? problemBody(error) : oauthErrorBody(error);
  const content = { [mediaType]: { schema: isProblem ? problem : oauthError, example } };
  return { description, headers: headersOf(headers), content };
}

/** The headers of an answer, with the one that every answer has. */
export function headersOf(headers: Headers): Schema {
  const own = Object.entries(headers).map(([name, { description, ...schema }]) => [name, { description, schema }]);
  return { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' }, ...Object.fromEntries(own) };
}

const noCompression = 'compressed bodies are not taken';

const unauthorizedAnswer = named(
  'Unauthorized',
  answer(
    'No access token was sent, or it is not valid, or no longer.',
    unauthorized(''),
    challenge(
      bearerChallenge({ error: 'invalid_token' }),
      'How to authenticate (RFC 6750 §3, RFC 9449 §7.1); without `error` where no token was sent.',
    ),
  ),
  'responses',
);

const tooLarge = named('ContentTooLarge', answer('The body is over 1 MiB.', payloadTooLarge()), 'responses');

const unsupported = named(
  'UnsupportedMediaType',
  answer(
    'The media type or coding of the body is not taken.',
    unsupportedMediaType('the body must be application/json'),
  ),
  'responses',
);

const databaseAway = named(
  'ServiceUnavailable',
  answer('The database cannot be reached.', unavailable(1), retryAfter),
  'responses',
);

const serverFault = named(
  'ServerError',
  answer('Any other error.', new Problem(500, 'the server met an unexpected fault')),
  'responses',
);
