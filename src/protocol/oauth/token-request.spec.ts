import { parseForm } from '../form.js';
import { readTokenRequest, type TokenRequest } from './token-request.js';

const read = (body: string): TokenRequest => readTokenRequest(parseForm(new TextEncoder().encode(body)));
const INVALID = expect.objectContaining({ code: 'invalid_request', status: 400 }) as Error;

describe('RFC 6749 §4.4.2 token request', () => {
  it.each<[string, TokenRequest]>([
    ['grant_type=client_credentials', { grantType: 'client_credentials', scope: undefined, resources: [] }],
    ['grant_type=x&scope=a+b', { grantType: 'x', scope: 'a b', resources: [] }],
    ['grant_type=x&scope=', { grantType: 'x', scope: undefined, resources: [] }],
    [
      'grant_type=x&audience=c%3A3&resource=a%3A1&resource=b%3A2&resource=a%3A1',
      { grantType: 'x', scope: undefined, resources: ['a:1', 'b:2', 'a:1', 'c:3'] },
    ],
    ['grant_type=x&resource=&audience', { grantType: 'x', scope: undefined, resources: [] }],
    ['T-09&grant_type=x&foo=bar', { grantType: 'x', scope: undefined, resources: [] }],
  ])('reads %s', (body, expected) => {
    expect(read(body)).toEqual(expected);
  });

  it('T-07: names that pollute are ignored like any unknown name', () => {
    expect(read('grant_type=x&__proto__[scope]=admin:full&__proto__=y')).toEqual({
      grantType: 'x',
      scope: undefined,
      resources: [],
    });
  });

  it('T-05: refuses an unknown parameter twice, and does not repeat what it was called', () => {
    expect(() => read('grant_type=x&foo=bar&foo=baz')).toThrow('the parameter foo must not be repeated');
    expect(() => read('grant_type=x&<b>=1&<b>=2')).toThrow('a parameter must not be repeated');
  });

  it.each(['', 'scope=a', 'grant_type=', 'grant_type', 'GRANT_TYPE=x'])('refuses %j: no grant_type', (body) => {
    expect(() => read(body)).toThrow('the parameter grant_type is missing');
    expect(() => read(body)).toThrow(INVALID);
  });

  it.each([
    'grant_type',
    'scope',
    'client_id',
    'client_secret',
    'client_assertion',
    'client_assertion_type',
    'refresh_token',
    'assertion',
    'subject_token',
  ])('T-05: refuses %s twice, equal or different', (name) => {
    for (const second of ['a', 'b', '']) {
      expect(() => read(`grant_type=x&${name}=a&${name}=${second}`)).toThrow(
        `the parameter ${name} must not be repeated`,
      );
    }
  });
});
