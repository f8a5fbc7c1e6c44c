import { answerFault } from './answer-fault.js';

describe('a refusal of the server', () => {
  it('is a line per fault', () => {
    const body = {
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'the request is not valid',
      errors: [
        { pointer: '/scope', detail: 'names an unregistered scope' },
        { pointer: '/client_name', detail: 'must not be blank' },
      ],
    };
    expect(answerFault({ status: 400, body })).toMatchObject({
      exitCode: 1,
      lines: ['/scope: names an unregistered scope', '/client_name: must not be blank'],
    });
  });

  it.each([
    [404, { detail: 'there is no such client' }, 1, ['there is no such client (404)']],
    [401, { error: 'invalid_client', error_description: 'it failed' }, 4, ['invalid_client: it failed']],
    [401, { title: 'Unauthorized' }, 4, ['Unauthorized (401)']],
    [403, { detail: 'more scope' }, 4, ['more scope (403)']],
    [502, '<html>', 1, ['the server answered with status 502']],
    [500, ['x'], 1, ['the server answered with status 500']],
    [400, { errors: ['x'], detail: '\u001b[2J' }, 1, [String.raw`\u001b[2J (400)`]],
  ])('of status %d', (status, body, exitCode, lines) => {
    expect(answerFault({ status, body })).toMatchObject({ exitCode, lines });
  });

  it('says when to come back', () => {
    const body = { error: 'temporarily_unavailable' };
    expect(answerFault({ status: 429, body, retryAfter: '7' }).lines).toEqual([
      'temporarily_unavailable',
      'try again in 7 seconds',
    ]);
  });
});
