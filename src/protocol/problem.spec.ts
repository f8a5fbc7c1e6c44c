import {
  badRequest,
  conflict,
  forbidden,
  methodNotAllowed,
  notFound,
  payloadTooLarge,
  preconditionFailed,
  Problem,
  problemBody,
  unauthorized,
  unavailable,
  unsupportedMediaType,
} from './problem.js';

describe('RFC 9457 problem details', () => {
  it.each([
    [badRequest([]), 400, 'Bad Request'],
    [unauthorized('Bearer'), 401, 'Unauthorized'],
    [forbidden('no'), 403, 'Forbidden'],
    [notFound('no'), 404, 'Not Found'],
    [methodNotAllowed(['GET']), 405, 'Method Not Allowed'],
    [conflict('taken'), 409, 'Conflict'],
    [preconditionFailed(), 412, 'Precondition Failed'],
    [payloadTooLarge(), 413, 'Content Too Large'],
    [unsupportedMediaType(), 415, 'Unsupported Media Type'],
    [unavailable(1), 503, 'Service Unavailable'],
  ])('§4.2.1: %s has the reason phrase as its title', (problem, status, title) => {
    expect(problem).toBeInstanceOf(Problem);
    expect(problemBody(problem)).toEqual({ type: 'about:blank', title, status, detail: problem.detail });
  });

  it('lists the faults of the input by JSON Pointer', () => {
    const errors = [{ pointer: '/client_name', detail: 'must not be empty' }];
    expect(problemBody(badRequest(errors))).toMatchObject({ status: 400, errors });
  });

  it('has the members in the order of the contract', () => {
    const body = problemBody(badRequest([{ pointer: '/a', detail: 'b' }]));
    expect(Object.keys(body)).toEqual(['type', 'title', 'status', 'detail', 'errors']);
  });

  it('carries what belongs into headers, and never sends it or the cause in the body', () => {
    const cause = new Error('password in here');
    const problem = new Problem(429, 'slow down', {
      type: 'https://example.org/slow',
      challenge: 'Bearer',
      retryAfterSeconds: 3,
      allow: ['GET'],
      cause,
    });
    expect(problem).toMatchObject({ challenge: 'Bearer', retryAfterSeconds: 3, allow: ['GET'], cause });
    expect(problemBody(problem)).toEqual({
      type: 'https://example.org/slow',
      title: 'Too Many Requests',
      status: 429,
      detail: 'slow down',
    });
  });

  it('names the allowed methods of a 405 and the wait of a 503', () => {
    expect(methodNotAllowed(['GET', 'POST']).allow).toEqual(['GET', 'POST']);
    expect(unavailable(0.1).retryAfterSeconds).toBe(1);
  });

  it('can be subclassed by the modules', () => {
    class ClientIdTaken extends Problem {
      override readonly name = 'ClientIdTaken';
      constructor() {
        super(409, 'this client_id is taken');
      }
    }
    expect(new ClientIdTaken()).toMatchObject({ name: 'ClientIdTaken', status: 409, title: 'Conflict' });
  });
});

it('names the first hundred faults of an input', () => {
  const faults = Array.from({ length: 10_000 }, (_, index) => ({ pointer: `/${index}`, detail: 'is unknown' }));
  expect(badRequest(faults).errors).toEqual(faults.slice(0, 100));
});
