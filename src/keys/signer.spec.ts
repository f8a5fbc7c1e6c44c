import { createPublicKey } from 'node:crypto';
import { inspect } from 'node:util';
import { compactVerify, createLocalJWKSet } from 'jose';
import { generateSigningKeyPair } from './key-generation.js';
import { publicJwk } from './public-jwk.js';
import { LocalSigningHandle } from './signer.js';

describe.each(['RS256', 'ES256'] as const)('signing with %s', (alg) => {
  it('makes what a JWT library verifies with the public JWK', async () => {
    const { publicKey, privateKey } = await generateSigningKeyPair(alg);
    const jwk = await publicJwk(publicKey, alg);
    const handle = new LocalSigningHandle(jwk.kid, alg, privateKey);
    const input = `${handle.header}.${Buffer.from('{"iss":"https://as.example"}').toString('base64url')}`;

    const { payload, protectedHeader } = await compactVerify(
      `${input}.${await handle.sign(input)}`,
      createLocalJWKSet({ keys: [jwk] }),
    );

    expect(Buffer.from(payload).toString()).toBe('{"iss":"https://as.example"}');
    expect(protectedHeader).toEqual({ alg, typ: 'at+jwt', kid: jwk.kid });
  });

  it('does not show the private key', async () => {
    const { privateKey } = await generateSigningKeyPair(alg);
    const handle = new LocalSigningHandle('kid', alg, privateKey);
    const { d = '' } = privateKey.export({ format: 'jwk' });
    const shown = inspect(handle, { showHidden: true, depth: 10 }) + JSON.stringify(handle);
    expect(shown).not.toContain(d);
    expect(shown).not.toMatch(/PrivateKey|BEGIN|"d"/);
  });

  it('shows only public members in the JWK', async () => {
    const { publicKey, privateKey } = await generateSigningKeyPair(alg);
    const members = alg === 'RS256' ? ['n', 'e'] : ['crv', 'x', 'y'];
    expect(Object.keys(await publicJwk(publicKey, alg)).toSorted()).toEqual(
      ['kty', 'use', 'alg', 'kid', ...members].toSorted(),
    );
    await expect(publicJwk(privateKey, alg)).rejects.toThrow(TypeError);
    await expect(publicJwk(createPublicKey(privateKey), alg === 'RS256' ? 'ES256' : 'RS256')).rejects.toThrow(
      TypeError,
    );
  });
});

describe('the kid', () => {
  it('is the RFC 7638 thumbprint: the example of §3.1', async () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const jwk = await publicJwk(createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' }), 'RS256');
    expect(jwk.kid).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });
});
