import { parseForm } from '../form.js';
import { readClientCredentials } from './client-authentication.js';
import { OAuthError } from './error.js';

const JWT_BEARER = 'urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer';
const SAML = 'urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Asaml2-bearer';

const basic = (clear: string): string => `Basic ${Buffer.from(clear, 'latin1').toString('base64')}`;
const read = (authorization: string | undefined, body = '') =>
  readClientCredentials(authorization, parseForm(new TextEncoder().encode(body)));

function refusal(authorization: string | undefined, body = ''): string {
  try {
    return `accepted ${read(authorization, body).clientId}`;
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    return `${error.status} ${error.code} ${error.reason}`;
  }
}

/** An assertion as far as its shape goes; nobody signed it. */
function assertionOf(sub: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ sub })}.AAAA`;
}

const MALFORMED_ASSERTION = '401 invalid_client assertion_malformed';
const MALFORMED = '401 invalid_client malformed_credentials';
const NO_CREDENTIALS = '401 invalid_client no_credentials';
const UNSUPPORTED_SCHEME = '401 invalid_client unsupported_scheme';
const INVALID_REQUEST = '400 invalid_request invalid_request';

describe('RFC 6749 §2.3.1 client_secret_basic', () => {
  it.each([
    ['a plain pair', basic('billing:s3cret'), 'billing', 's3cret'],
    ['a secret with colons, split at the first', basic('billing:a:b:c'), 'billing', 'a:b:c'],
    ['form-encoded halves', basic('my%3Aclient+id:p%2Bw%25%C3%A9+x'), 'my:client id', 'p+w%é x'],
    ['raw UTF-8 in the secret', basic('billing:\xC3\xA9'), 'billing', 'é'],
    ['one padding character', basic('ab:cd'), 'ab', 'cd'],
    ['two padding characters', basic('ab:c'), 'ab', 'c'],
    ['no padding character', basic('a:cdef'), 'a', 'cdef'],
    ['A-05: lower-case scheme', basic('billing:x').replace('Basic', 'basic'), 'billing', 'x'],
    ['A-05: mixed-case scheme', basic('billing:x').replace('Basic', 'bAsIC'), 'billing', 'x'],
    ['A-13: an id that is SQL', basic("' OR 1=1--:x"), "' OR 1=1--", 'x'],
    ['A-13: an id that is __proto__', basic('__proto__:x'), '__proto__', 'x'],
    ['A-05: a trailing NUL, kept, so it matches nothing', basic('billing:x\0'), 'billing', 'x\0'],
  ])('reads %s', (_, authorization, clientId, clientSecret) => {
    expect(read(authorization)).toEqual({ method: 'client_secret_basic', clientId, clientSecret });
  });

  it.each([
    ['nothing behind the scheme', 'Basic'],
    ['a blank behind the scheme', 'Basic '],
    ['two blanks', basic('a:b').replace(' ', '  ')],
    ['a trailing blank', `${basic('a:b')} `],
    ['no colon', basic('billing')],
    ['no base64', 'Basic billing:secret'],
    ['good base64 + !', `${basic('ab:c')}!`],
    ['a foreign character inside', basic('billing:s3cret').replace('Z', '!Z')],
    ['a line break inside', `${basic('billing:s3cret').slice(0, 10)}\n${basic('billing:s3cret').slice(10)}`],
    ['base64url letters', 'Basic Pz8_OmE_'],
    ['padding cut off', basic('ab:c').replaceAll('=', '')],
    ['too much padding', `${basic('a:cdef')}====`],
    ['padding inside', 'Basic YTo=YTo='],
    ['three padding characters', 'Basic YTpj===='],
    ['only padding', 'Basic ===='],
    ['stray bits, one padding character', 'Basic YWI6Y2R='],
    ['stray bits, two padding characters', 'Basic YWI6Y2=='],
    ['an empty id', basic(':secret')],
    ['an empty secret', basic('billing:')],
    ['a broken escape in the id', basic('bil%ling:x')],
    ['a broken escape in the secret', basic('billing:100%')],
    ['an overlong escape', basic('billing:%C0%80')],
    ['bytes that are no UTF-8', basic('billing:\xFF\xFE')],
    ['A-13: NUL in the id', basic('bill\0ing:x')],
    ['A-13: an escaped NUL in the id', basic('bill%00ing:x')],
    ['a control character in the id', basic('bill%0Aing:x')],
    ['an id that is no ASCII', basic('bill%C3%A9:x')],
    ['A-13: an id of 10 kB', basic(`${'a'.repeat(10_000)}:x`)],
  ])('A-05: refuses %s', (_, authorization) => {
    expect(refusal(authorization)).toBe(MALFORMED);
  });

  it.each(['Bearer abc', 'bearer abc', 'Digest x', 'Basicx YTpi', 'Basic\tYTpi', ' Basic YTpi', ''])(
    'A-15: does not take the scheme of %j',
    (authorization) => {
      expect(refusal(authorization)).toBe(UNSUPPORTED_SCHEME);
      expect(refusal(authorization, 'client_id=a&client_secret=b')).toBe(UNSUPPORTED_SCHEME);
    },
  );

  it('takes the same client_id in the body, or an empty one', () => {
    expect(read(basic('billing:x'), 'client_id=billing').clientId).toBe('billing');
    expect(read(basic('billing:x'), 'client_id=').clientId).toBe('billing');
  });

  it('refuses the same client_id twice', () => {
    expect(refusal(basic('billing:x'), 'client_id=billing&client_id=billing')).toBe(INVALID_REQUEST);
  });

  it.each(['other', 'Billing'])('notes that the body names %s, where the header is of billing', (other) => {
    expect(read(basic('billing:x'), `client_id=${other}`)).toMatchObject({ clientId: 'billing', namesOther: true });
    expect(read(basic('billing:x'), 'client_id=billing')).not.toHaveProperty('namesOther');
  });
});

describe('RFC 6749 §2.3.1 client_secret_post', () => {
  it('reads id and secret from the form', () => {
    expect(read(undefined, 'client_id=billing&client_secret=s%2Bx')).toEqual({
      method: 'client_secret_post',
      clientId: 'billing',
      clientSecret: 's+x',
    });
  });

  it.each([
    ['nothing at all', '', NO_CREDENTIALS],
    ['an empty secret', 'client_id=billing&client_secret=', NO_CREDENTIALS],
    ['a secret without id', 'client_secret=x', INVALID_REQUEST],
    ['T-05: the id twice', 'client_id=billing&client_id=billing&client_secret=x', INVALID_REQUEST],
    ['T-05: the secret twice', 'client_id=billing&client_secret=x&client_secret=x', INVALID_REQUEST],
    ['A-13: NUL in the id', 'client_id=bill%00ing&client_secret=x', MALFORMED],
    ['A-13: an id of 10 kB', `client_id=${'a'.repeat(10_000)}&client_secret=x`, MALFORMED],
  ])('refuses %s', (_, body, expected) => {
    expect(refusal(undefined, body)).toBe(expected);
  });
});

describe('RFC 6749 §2.3: one way of authenticating only', () => {
  it.each([
    ['Basic + body secret', basic('a:b'), 'client_id=a&client_secret=b'],
    ['Basic + empty body secret', basic('a:b'), 'client_secret='],
    ['Basic + assertion', basic('a:b'), `client_assertion=x.y.z&client_assertion_type=${JWT_BEARER}`],
    ['Basic + empty client_assertion', basic('a:b'), 'client_assertion='],
    ['Basic + assertion type', basic('a:b'), `client_assertion_type=${JWT_BEARER}`],
    ['malformed Basic + body secret', 'Basic !', 'client_id=a&client_secret=b'],
    [
      'body secret + assertion',
      undefined,
      `client_id=a&client_secret=b&client_assertion=x.y.z&client_assertion_type=${JWT_BEARER}`,
    ],
    ['body secret + empty assertion', undefined, 'client_id=a&client_secret=b&client_assertion='],
  ])('A-03: refuses %s', (_, authorization, body) => {
    expect(refusal(authorization, body)).toBe(INVALID_REQUEST);
  });
});

describe('RFC 7521 §4.2 client assertions', () => {
  it.each([
    ['no type', 'client_assertion=x.y.z', INVALID_REQUEST],
    ['an empty type', 'client_assertion=x.y.z&client_assertion_type=', INVALID_REQUEST],
    ['a wrong type', 'client_assertion=x.y.z&client_assertion_type=jwt', INVALID_REQUEST],
    ['the SAML type', `client_assertion=x.y.z&client_assertion_type=${SAML}`, INVALID_REQUEST],
    ['the type alone', `client_assertion_type=${JWT_BEARER}`, INVALID_REQUEST],
    ['two assertions', `client_assertion=x&client_assertion=x&client_assertion_type=${JWT_BEARER}`, INVALID_REQUEST],
    ['what is no assertion', `client_assertion=x.y.z&client_assertion_type=${JWT_BEARER}`, MALFORMED_ASSERTION],
    [
      'A-13: an assertion for an impossible client',
      `client_assertion=${assertionOf('billé')}&client_assertion_type=${JWT_BEARER}`,
      MALFORMED,
    ],
    [
      'the client_id twice beside it',
      `client_id=billing&client_id=billing&client_assertion=${assertionOf('billing')}&client_assertion_type=${JWT_BEARER}`,
      INVALID_REQUEST,
    ],
  ])('J-21: refuses %s', (_, body, expected) => {
    expect(refusal(undefined, body)).toBe(expected);
  });

  it('J-11: notes that another client_id stands beside it', () => {
    const body = `client_assertion=${assertionOf('billing')}&client_assertion_type=${JWT_BEARER}`;
    expect(read(undefined, `${body}&client_id=other`)).toMatchObject({ clientId: 'billing', namesOther: true });
  });

  it('reads whom a well-formed one speaks for, with or without client_id', () => {
    const body = `client_assertion=${assertionOf('billing')}&client_assertion_type=${JWT_BEARER}`;
    for (const sent of [body, `${body}&client_id=billing`, `${body}&client_id=`]) {
      expect(read(undefined, sent)).toMatchObject({ method: 'client_assertion', clientId: 'billing' });
    }
  });
});

describe('RFC 8705 §2 a client_id alone', () => {
  it('leaves it to the certificate', () => {
    expect(read(undefined, 'client_id=billing')).toEqual({ method: 'tls_client', clientId: 'billing' });
  });

  it.each([
    ['with an empty secret', 'client_id=billing&client_secret=', NO_CREDENTIALS],
    ['twice', 'client_id=billing&client_id=billing', INVALID_REQUEST],
    ['of an impossible client', 'client_id=bill%00ing', MALFORMED],
  ])('refused %s', (_, body, expected) => {
    expect(refusal(undefined, body)).toBe(expected);
  });
});
