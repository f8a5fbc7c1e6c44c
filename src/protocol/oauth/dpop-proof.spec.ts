import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  dpopProof,
  jwsPart,
  type ProofAlgorithm,
  proofKey,
  type ProofMembers,
  signParts,
  tokenHash,
} from '../../../test/support/dpop.js';
import { checkDpopProof, type DpopExpectation } from './dpop-proof.js';
import type { OAuthError } from './error.js';

const seconds = 1_800_000_000;
const uri = 'https://auth.example.com/oauth/token';
const key = proofKey();
const rsa = proofKey('RS256');

function expecting(members: Partial<DpopExpectation> = {}): DpopExpectation {
  const nonce = { required: false, current: 'the-nonce', accepts: (nonce: string) => nonce === 'the-nonce' };
  return { method: 'POST', uri, now: seconds * 1000, nonce, ...members };
}

/** A good proof at the time of these tests, but for what is given. */
function proof({ header = {}, claims = {} }: ProofMembers = {}, by = key): string {
  return dpopProof(by, 'POST', uri, { header, claims: { iat: seconds, ...claims } });
}

function fault(header: string | string[] | undefined, members?: Partial<DpopExpectation>): OAuthError | undefined {
  try {
    checkDpopProof(header, expecting(members));
    return undefined;
  } catch (error) {
    return error as OAuthError;
  }
}

function expectRefused(
  header: string | string[] | undefined,
  reason: string,
  members?: Partial<DpopExpectation>,
): void {
  expect(fault(header, members)).toMatchObject({ code: 'invalid_dpop_proof', status: 400, reason });
}

/** A proof whose header and claims are these texts, signed. */
function written(header: string, claims: string, by = key): string {
  return signParts(`${jwsPart(header)}.${jwsPart(claims)}`, by);
}

const goodHeader = JSON.stringify({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk });
const goodClaims = JSON.stringify({ jti: 'a', htm: 'POST', htu: uri, iat: seconds });

describe('RFC 9449 §4.3 a good proof', () => {
  it('gives the thumbprint of its key, its identifier, and how long that is to be remembered', () => {
    expect(checkDpopProof(proof({ claims: { jti: 'one' } }), expecting())).toEqual({
      jkt: key.jkt,
      jti: 'one',
      expiresAt: seconds + 60,
    });
  });

  it.each<ProofAlgorithm>(['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'])('of jose, with %s', async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const jwk: JWK = await exportJWK(publicKey);
    const token = await new SignJWT({ jti: randomUUID(), htm: 'POST', htu: uri })
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk })
      .setIssuedAt(seconds)
      .sign(privateKey);
    expect(checkDpopProof(token, expecting()).jkt).toBe(await calculateJwkThumbprint(jwk));
  });

  it('may say more than it must', () => {
    const header = {
      kid: 'x',
      x5c: ['AAAA'],
      jwk: { ...key.jwk, kid: 'x', use: 'sig', alg: 'ES256', key_ops: ['verify'] },
    };
    const claims = { ath: 'whatever', exp: seconds + 1, nbf: seconds - 5, iss: 'me', other: { a: [1] } };
    expect(fault(proof({ header, claims }))).toBeUndefined();
  });
});

describe('RFC 9449 §4.3', () => {
  it('items 1 and 2: one proof, and nothing else', () => {
    const one = proof();
    const [head, body, signature] = one.split('.');
    expectRefused(undefined, 'dpop_proof_missing');
    expectRefused([one, proof()], 'dpop_proof_repeated');
    for (const header of [
      '',
      'x',
      `${one}, ${proof()}`,
      `${one},${one}`,
      `DPoP ${one}`,
      ` ${one}`,
      `${one}.`,
      `${head}.${body}`,
      `${head}.${body}.`,
      `${head}..${signature}`,
      `${one}=`,
      `${one}.${'A'.repeat(16_384)}`,
      JSON.stringify({ protected: head, payload: body, signature }),
    ]) {
      expectRefused(header, 'dpop_malformed');
    }
  });

  it.each([
    ['a member twice in the header', goodHeader.replace('{', '{"typ":"dpop+jwt",'), goodClaims],
    ['a member twice in the claims', goodHeader, goodClaims.replace('{', '{"htm":"POST",')],
    ['a byte order mark', `\uFEFF${goodHeader}`, goodClaims],
    ['a byte order mark in the claims', goodHeader, `\uFEFF${goodClaims}`],
    ['a list as header', '[]', goodClaims],
    ['null as claims', goodHeader, 'null'],
    ['a text as claims', goodHeader, '"POST"'],
    ['no JSON', goodHeader, 'POST'],
    ['a prototype', goodHeader, goodClaims.replace('{', '{"__proto__":{"x":1},')],
    ['claims of a thousand levels', goodHeader, `${'['.repeat(1_000)}${']'.repeat(1_000)}`],
  ])('item 2: %s', (_, header, claims) => {
    expect(fault(written(goodHeader, goodClaims))).toBeUndefined();
    expectRefused(written(header, claims), 'dpop_malformed');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no jti', { jti: undefined }, 'dpop_identifier'],
    ['an empty jti', { jti: '' }, 'dpop_identifier'],
    ['a number as jti', { jti: 1 }, 'dpop_identifier'],
    ['a jti without end', { jti: 'j'.repeat(257) }, 'dpop_identifier'],
    ['no htm', { htm: undefined }, 'dpop_method'],
    ['no htu', { htu: undefined }, 'dpop_uri'],
    ['no iat', { iat: undefined }, 'dpop_time'],
  ])('item 3: %s', (_, claims, reason) => {
    expectRefused(proof({ claims }), reason);
  });

  it.each([undefined, 'JWT', 'at+jwt', 'DPOP+JWT', 'application/dpop+jwt', ['dpop+jwt'], 1])(
    'item 4: typ %p',
    (typ) => {
      expectRefused(proof({ header: { typ } }), 'dpop_type');
    },
  );

  it.each([undefined, 'none', 'None', 'HS256', 'ES384', 'RS512', 'es256', '', 1, ['ES256']])(
    'item 5: alg %p',
    (alg) => {
      expectRefused(proof({ header: { alg } }), 'dpop_algorithm');
    },
  );

  it('item 5: HS256 keyed with what is public, and none', () => {
    const input = `${jwsPart({ typ: 'dpop+jwt', alg: 'HS256', jwk: rsa.jwk })}.${jwsPart(goodClaims)}`;
    const signature = createHmac('sha256', JSON.stringify(rsa.jwk)).update(input).digest('base64url');
    expectRefused(`${input}.${signature}`, 'dpop_algorithm');
    expectRefused(`${input}.`, 'dpop_malformed');
    expectRefused(proof({ header: { jwk: { kty: 'oct', k: 'AAAA' } } }), 'dpop_key');
  });

  it.each<[string, Record<string, unknown>]>([
    ['crit', { crit: ['x'], x: 1 }],
    ['an empty crit', { crit: [] }],
    ['b64', { b64: false, crit: ['b64'] }],
    ['b64 true', { b64: true }],
  ])('the header asks for more: %s', (_, header) => {
    expectRefused(proof({ header }), 'dpop_header');
  });

  it('item 6: the signature is that of the key', () => {
    const [head = '', body = '', signature = ''] = proof().split('.');
    const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const others = jwsPart({ ...(JSON.parse(goodClaims) as object), jti: 'other' });
    for (const altered of [`${head}.${body}.${flipped}`, `${head}.${others}.${signature}`, `${head}.${body}.AAAA`]) {
      expectRefused(altered, 'dpop_signature');
    }
    expectRefused(proof({ header: { jwk: proofKey().jwk } }), 'dpop_signature');
    expectRefused(proof({ header: { alg: 'PS256' } }, rsa), 'dpop_signature');
  });

  it('item 6: a signature in another form or spelling', () => {
    const input = proof().split('.').slice(0, 2).join('.');
    const der = signParts(input, { algorithm: 'RS256', privateKey: key.privateKey });
    expectRefused(der, 'dpop_signature');
    // The last character of 64 bytes holds four bits that belong to none of them.
    const stray = { A: 'B', Q: 'R', g: 'h', w: 'x' };
    const respelled = proof().replace(/[AQgw]$/, (last) => stray[last as keyof typeof stray]);
    expectRefused(respelled, 'dpop_malformed');
  });

  it.each<[string, unknown]>([
    ['none', undefined],
    ['null', null],
    ['a list', [key.jwk]],
    ['a text', JSON.stringify(key.jwk)],
    ['an empty one', {}],
    ['one of another type', rsa.jwk],
    ['one of another curve', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })],
    ['a point that is not on the curve', { ...key.jwk, y: key.jwk.x }],
    ['no y', { ...key.jwk, y: undefined }],
    ['a number as x', { ...key.jwk, x: 1 }],
    ['with padding', { ...key.jwk, x: `${key.jwk.x}=` }],
    ['a type that JavaScript knows', { ...key.jwk, kty: 'constructor' }],
  ])('items 5 and 7: jwk is %s', (_, jwk) => {
    expectRefused(proof({ header: { jwk } }), 'dpop_key');
  });

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])('item 7: jwk with the private member %s', (name) => {
    const { d = '' } = key.privateKey.export({ format: 'jwk' });
    expectRefused(proof({ header: { jwk: { ...key.jwk, [name]: d } } }), 'dpop_key');
    expectRefused(proof({ header: { jwk: { ...rsa.jwk, [name]: null } } }, rsa), 'dpop_key');
  });

  it('RSA of less than 2048 bits, or with an exponent that proves nothing', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = { ...rsa, privateKey: small.privateKey, jwk: small.publicKey.export({ format: 'jwk' }) };
    expectRefused(proof({}, weak), 'dpop_key');
    expectRefused(proof({ header: { jwk: { ...rsa.jwk, e: 'AQ' } } }, rsa), 'dpop_key');
    expectRefused(proof({ header: { jwk: { ...rsa.jwk, e: rsa.jwk.n } } }, rsa), 'dpop_key');
    expectRefused(proof({ header: { jwk: { ...rsa.jwk, n: `AA${rsa.jwk.n}` } } }, rsa), 'dpop_key');
  });

  it.each(['GET', 'post', 'POST ', '', ['POST'], null, 1])('item 8: htm %p', (htm) => {
    expectRefused(proof({ claims: { htm } }), 'dpop_method');
  });

  it.each([
    uri,
    'HTTPS://AUTH.example.COM/oauth/token',
    'https://auth.example.com:443/oauth/token',
    'https://auth.example.com:/oauth/token',
    'https://auth.example.com/oauth/%74oken',
    `${uri}?a=b`,
    `${uri}#c`,
    `${uri}?a=b?c#d#e`,
  ])('item 9: htu %p names the endpoint', (htu) => {
    expect(fault(proof({ claims: { htu } }))).toBeUndefined();
  });

  it.each([
    'https://evil.example/oauth/token',
    'https://auth.example.com.evil.example/oauth/token',
    'https://auth.example.com@evil.example/oauth/token',
    'https://user@auth.example.com/oauth/token',
    'https://auth.example.com:8443/oauth/token',
    'http://auth.example.com/oauth/token',
    'https://auth.example.com/oauth/Token',
    'https://auth.example.com/oauth/token/',
    'https://auth.example.com/oauth//token',
    'https://auth.example.com/oauth%2Ftoken',
    'https://auth.example.com/x/../oauth/token',
    'https://auth.example.com\\oauth\\token',
    'https:/auth.example.com/oauth/token',
    '//auth.example.com/oauth/token',
    '/oauth/token',
    'https://auth.example.com',
    ` ${uri}`,
    `${uri}\n`,
    `${uri}?${'a'.repeat(5_000)}`,
    '',
    [uri],
    { href: uri },
    null,
  ])('item 9: htu %p does not', (htu) => {
    expectRefused(proof({ claims: { htu } }), 'dpop_uri');
  });

  it('item 10: a nonce that is sent must be ours, and must be sent where it is required', () => {
    const required = { ...expecting().nonce, required: true };
    expect(fault(proof({ claims: { nonce: 'the-nonce' } }))).toBeUndefined();
    expect(fault(proof({ claims: { nonce: 'the-nonce' } }), { nonce: required })).toBeUndefined();
    for (const nonce of ['another', '', null, 1, ['the-nonce']]) {
      expect(fault(proof({ claims: { nonce } }))).toMatchObject({
        code: 'use_dpop_nonce',
        status: 400,
        dpopNonce: 'the-nonce',
      });
    }
    expect(fault(proof(), { nonce: required })).toMatchObject({ code: 'use_dpop_nonce', dpopNonce: 'the-nonce' });
    expectRefused(proof({ claims: { nonce: 'another', htm: 'GET' } }), 'dpop_method');
  });

  it.each([seconds - 60, seconds, seconds + 60])('item 11: iat %p is taken', (iat) => {
    expect(fault(proof({ claims: { iat } }))).toBeUndefined();
  });

  it.each([
    seconds - 61,
    seconds + 61,
    seconds - 120,
    seconds + 120,
    seconds + 0.5,
    0,
    -1,
    `${seconds}`,
    null,
    [seconds],
  ])('item 11: iat %p is not', (iat) => {
    expectRefused(proof({ claims: { iat } }), 'dpop_time');
  });

  it('item 11: a part of a second counts', () => {
    const late = { now: seconds * 1000 + 1 };
    expectRefused(proof({ claims: { iat: seconds - 60 } }), 'dpop_time', late);
    expect(fault(proof({ claims: { iat: seconds + 60 } }), late)).toBeUndefined();
  });

  it.each<Record<string, unknown>>([
    { exp: seconds },
    { exp: '9' },
    { exp: null },
    { nbf: seconds + 61 },
    { nbf: 'x' },
  ])('RFC 7519 §4.1: %p', (claims) => {
    expectRefused(proof({ claims }), 'dpop_time');
  });

  it('item 12: with an access token, ath is its hash', () => {
    const accessToken = 'header.payload.signature';
    expect(fault(proof({ claims: { ath: tokenHash(accessToken) } }), { accessToken })).toBeUndefined();
    for (const ath of [undefined, '', accessToken, tokenHash('another'), `${tokenHash(accessToken)}=`, null, [1]]) {
      expectRefused(proof({ claims: { ath } }), 'dpop_token_hash', { accessToken });
    }
  });
});
