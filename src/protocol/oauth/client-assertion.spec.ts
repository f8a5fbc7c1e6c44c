import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type CheckedAssertion, checkClientAssertion, readClientAssertion } from './client-assertion.js';
import { isSignedByAny, readClientAssertionKey } from './client-assertion-key.js';

const issuer = 'https://auth.example.com';
const now = 1_800_000_000;
const claims = { iss: 'billing', sub: 'billing', aud: issuer, exp: now + 60, iat: now, jti: 'one' };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function signed(input: string, alg: string, key: KeyObject): Buffer {
  const data = Buffer.from(input);
  if (alg === 'ES256') return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
  if (alg === 'PS256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign(alg === 'RS256' ? 'sha256' : null, data, key);
}

function assertion(
  header: unknown = { alg: 'RS256' },
  payload: unknown = claims,
  key: KeyObject = rsa.privateKey,
): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const alg = (header as { alg?: string }).alg ?? 'RS256';
  return `${input}.${signed(input, alg, key).toString('base64url')}`;
}

/** What becomes of an assertion that is signed with the key of `jwks`. */
function outcome(text: string, jwks: readonly Record<string, unknown>[] = [publicJwk(rsa)]): CheckedAssertion | string {
  const read = readClientAssertion(text);
  if (typeof read === 'string') return read;
  const checked = checkClientAssertion(read, issuer, now * 1000);
  if (typeof checked === 'string') return checked;
  const keys = jwks.map((jwk) => readClientAssertionKey(jwk)).filter((key) => key !== undefined);
  return isSignedByAny(read, keys) ? checked : 'signature';
}

function publicJwk({ publicKey }: { publicKey: KeyObject }, members = {}): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), ...members };
}

const good = { identifier: 'one', expiresAt: now + 60 };

describe('RFC 7523 §3 the claims of a client assertion', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a minimum', { iat: undefined }],
    ['claims that nobody asked for', { role: 'x', nested: { a: [1] } }],
    ['times within the tolerance', { iat: now + 10, nbf: now + 10 }],
    ['a life of five minutes', { exp: now + 300 }],
    ['a clock that is ten seconds ahead', { exp: now + 310, iat: now + 10 }],
    ['an end within the tolerance', { exp: now - 9, iat: now - 60 }],
  ])('are right with %s', (_, change) => {
    const payload = { ...claims, ...change };
    expect(outcome(assertion(undefined, payload))).toEqual({ ...good, expiresAt: payload.exp });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['J-01 the token endpoint as audience', { aud: `${issuer}/oauth/token` }, 'assertion_audience'],
    ['the issuer as the one element of a list', { aud: [issuer] }, 'assertion_audience'],
    ['J-03 a slash behind the issuer', { aud: `${issuer}/` }, 'assertion_audience'],
    ['J-03 the issuer in upper case', { aud: 'https://AUTH.example.com' }, 'assertion_audience'],
    ['J-03 the default port', { aud: `${issuer}:443` }, 'assertion_audience'],
    ['J-03 the issuer percent-encoded', { aud: 'https://auth.ex%61mple.com' }, 'assertion_audience'],
    ['J-03 a blank behind the issuer', { aud: `${issuer} ` }, 'assertion_audience'],
    ['no audience', { aud: undefined }, 'assertion_audience'],
    ['the issuer and another one', { aud: [issuer, 'https://other.example'] }, 'assertion_audience'],
    ['the issuer twice', { aud: [issuer, issuer] }, 'assertion_audience'],
    ['no audience in the list', { aud: [] }, 'assertion_audience'],
    ['a list in the list', { aud: [[issuer]] }, 'assertion_audience'],
    ['J-09 no exp', { exp: undefined }, 'assertion_time'],
    ['J-09 exp as a text', { exp: String(now + 60) }, 'assertion_time'],
    ['J-09 exp null', { exp: null }, 'assertion_time'],
    ['J-09 exp below zero', { exp: -1 }, 'assertion_time'],
    ['J-09 exp with a fraction', { exp: now + 60.5 }, 'assertion_time'],
    ['J-09 exp as a list', { exp: [now + 60] }, 'assertion_time'],
    ['J-09 exp far beyond', { exp: 2 ** 60 }, 'assertion_time'],
    ['an end in the past', { exp: now - 10 }, 'assertion_time'],
    ['iat in the future', { iat: now + 11 }, 'assertion_time'],
    ['iat as a text', { iat: String(now) }, 'assertion_time'],
    ['nbf in the future', { nbf: now + 11 }, 'assertion_time'],
    ['nbf as an object', { nbf: {} }, 'assertion_time'],
    ['a life beyond five minutes', { exp: now + 311, iat: undefined }, 'assertion_lifetime'],
    ['a life beyond five minutes that has begun', { exp: now + 60, iat: now - 241 }, 'assertion_lifetime'],
    ['no jti', { jti: undefined }, 'assertion_identifier'],
    ['an empty jti', { jti: '' }, 'assertion_identifier'],
    ['a jti as a number', { jti: 1 }, 'assertion_identifier'],
    ['a long jti', { jti: 'x'.repeat(257) }, 'assertion_identifier'],
    ['J-11 another issuer', { iss: 'other' }, 'assertion_issuer'],
    ['no issuer', { iss: undefined }, 'assertion_issuer'],
    ['no subject', { sub: undefined }, 'assertion_issuer'],
    ['a list as subject', { sub: ['billing'], iss: ['billing'] }, 'assertion_issuer'],
  ])('are wrong with %s', (_, change, fault) => {
    expect(outcome(assertion(undefined, { ...claims, ...change }))).toBe(fault);
  });
});

describe('RFC 8725 the header of a client assertion', () => {
  it.each(['JWT', 'jwt', 'client-authentication+jwt', 'Client-Authentication+JWT', 'application/JWT'])(
    'typ may be %s',
    (typ) => {
      expect(outcome(assertion({ alg: 'RS256', typ }))).toEqual(good);
    },
  );

  it.each<[string, Record<string, unknown>, string]>([
    ['J-13 HS256', { alg: 'HS256' }, 'assertion_algorithm'],
    ['alg none', { alg: 'none' }, 'assertion_algorithm'],
    ['another RSA algorithm', { alg: 'RS512' }, 'assertion_algorithm'],
    ['another spelling', { alg: 'rs256' }, 'assertion_algorithm'],
    ['alg as a list', { alg: ['RS256'] }, 'assertion_algorithm'],
    ['no alg', { alg: undefined }, 'assertion_algorithm'],
    ['the typ of an access token', { typ: 'at+jwt' }, 'assertion_type'],
    ['the typ of a DPoP proof', { typ: 'dpop+jwt' }, 'assertion_type'],
    ['an empty typ', { typ: '' }, 'assertion_type'],
    ['typ as a number', { typ: 1 }, 'assertion_type'],
    ['J-15 jwk', { jwk: publicJwk(rsa) }, 'assertion_header'],
    ['J-15 jku', { jku: 'https://evil.example/jwks' }, 'assertion_header'],
    ['J-15 x5u', { x5u: 'https://evil.example/x5u' }, 'assertion_header'],
    ['J-15 x5c', { x5c: ['AAAA'] }, 'assertion_header'],
    ['J-17 crit', { crit: ['x'] }, 'assertion_header'],
    ['J-17 an empty crit', { crit: [] }, 'assertion_header'],
    ['J-17 b64', { b64: false }, 'assertion_header'],
    ['kid as a number', { kid: 1 }, 'assertion_header'],
  ])('is wrong with %s', (_, change, fault) => {
    const header = { alg: 'RS256', ...change };
    const input = `${encode(header)}.${encode(claims)}`;
    expect(outcome(`${input}.${signed(input, 'RS256', rsa.privateKey).toString('base64url')}`)).toBe(fault);
  });
});

describe('RFC 8725 §3.1 the key decides what it verifies', () => {
  it.each<[string, { publicKey: KeyObject; privateKey: KeyObject }]>([
    ['RS256', rsa],
    ['PS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
    ['Ed25519', ed],
  ])('%s', (alg, pair) => {
    const text = assertion({ alg, kid: 'k' }, claims, pair.privateKey);
    expect(outcome(text, [publicJwk(pair, { kid: 'k', alg })])).toEqual(good);
    expect(outcome(text, [publicJwk(pair, { kid: 'k', use: 'sig', key_ops: ['verify'] })])).toEqual(good);
    for (const other of [rsa, ec, ed].filter((one) => one !== pair)) {
      expect(outcome(text, [publicJwk(other, { kid: 'k' })])).toBe('signature');
    }
  });

  it('one algorithm has two names', () => {
    for (const [alg, registered] of [
      ['EdDSA', 'Ed25519'],
      ['Ed25519', 'EdDSA'],
    ]) {
      expect(outcome(assertion({ alg }, claims, ed.privateKey), [publicJwk(ed, { alg: registered })])).toEqual(good);
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ['registered for another algorithm', { alg: 'PS256' }],
    ['registered for an algorithm of another kind', { alg: 'ES256' }],
    ['for encryption', { use: 'enc' }],
    ['for other operations', { key_ops: ['encrypt'] }],
    ['that is private', { d: 'AAAA' }],
  ])('not a key %s', (_, members) => {
    expect(outcome(assertion(), [publicJwk(rsa, members)])).toBe('signature');
  });

  it('not an RSA key that is too short', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(outcome(assertion(undefined, claims, short.privateKey), [publicJwk(short)])).toBe('signature');
  });

  it('kid names the key; without one any key will do', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const set = [publicJwk(other, { kid: 'other' }), publicJwk(ec), publicJwk(rsa, { kid: 'mine' })];
    expect(outcome(assertion({ alg: 'RS256' }), set)).toEqual(good);
    expect(outcome(assertion({ alg: 'RS256', kid: 'mine' }), set)).toEqual(good);
    expect(outcome(assertion({ alg: 'RS256', kid: 'other' }), set)).toBe('signature');
    expect(outcome(assertion({ alg: 'RS256', kid: 'nobody' }), set)).toBe('signature');
    expect(outcome(assertion(), [])).toBe('signature');
  });
});

describe('J-13, J-19 what is no assertion', () => {
  const [head = '', body = '', tail = ''] = assertion().split('.');
  const text = (payload: string) => `${head}.${encode(payload)}.${tail}`;

  it.each([
    ['J-19 aud twice', text(`{"aud":"x",${JSON.stringify(claims).slice(1)}`)],
    ['J-19 aud twice, once escaped', text(`{"\\u0061ud":"x",${JSON.stringify(claims).slice(1)}`)],
    ['J-19 a byte order mark', text(`\uFEFF${JSON.stringify(claims)}`)],
    ['J-19 UTF-16', `${head}.${Buffer.from(JSON.stringify(claims), 'utf16le').toString('base64url')}.${tail}`],
    ['J-19 a payload 1,000 deep', text(`{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`)],
    ['J-19 a payload of 60 kB', text(JSON.stringify({ ...claims, a: 'x'.repeat(60_000) }))],
    ['J-09 exp beyond all numbers', text(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400'))],
    ['a list as payload', text('[]')],
    ['null as payload', text('null')],
    ['no JSON', text('x')],
    ['__proto__', text('{"__proto__":{"sub":"billing"}}')],
    ['a header that is no object', `${encode('"RS256"')}.${body}.${tail}`],
    ['padding', `${head}.${body}.${tail}=`],
    ['stray bits in the signature', `${head}.${body}.${tail.slice(0, -1)}${tail.endsWith('B') ? 'C' : 'B'}`],
    ['a part more', `${head}.${body}.${tail}.${tail}`],
    ['no signature', `${head}.${body}.`],
    ['nothing', ''],
  ])('%s', (_, value) => {
    expect(readClientAssertion(value)).toBe('assertion_malformed');
  });

  it('J-13 a public key is no secret', () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
    for (const key of [pem, `\n${pem}`, der, JSON.stringify(publicJwk(rsa)), '']) {
      const input = `${encode({ alg: 'HS256' })}.${body}`;
      const mac = createHmac('sha256', key).update(input).digest('base64url');
      expect(outcome(`${input}.${mac}`)).toBe('assertion_algorithm');
      expect(
        outcome(`${head}.${body}.${createHmac('sha256', key).update(`${head}.${body}`).digest('base64url')}`),
      ).toBe('signature');
    }
  });

  it('every changed character costs the signature, or more', () => {
    const whole = assertion();
    for (let at = 0; at < whole.length; at += 7) {
      const changed = `${whole.slice(0, at)}${whole[at] === 'A' ? 'B' : 'A'}${whole.slice(at + 1)}`;
      expect(typeof outcome(changed)).toBe('string');
    }
  });
});
