import { createHmac } from 'node:crypto';
import { parseSecret } from '../protocol/index.js';
import { chosenClientSecret, generateClientSecret, hashClientSecret, secretRandomLength } from './client-secret.js';

const pepper = Buffer.alloc(32, 1);
const random = Uint8Array.from({ length: secretRandomLength }, (_, index) => index * 5);

describe('generateClientSecret', () => {
  it('makes a secret that names itself, and keeps only a keyed hash and a hint', () => {
    const { secret, secretId, hash, hint } = generateClientSecret(pepper, random);
    expect(parseSecret(secret)).toEqual({ kind: 'signet_cs', secretId });
    expect(hash).toEqual(createHmac('sha256', pepper).update(secret).digest());
    expect(hint).toBe(secret.slice(-4));
  });

  it('uses all of its randomness', () => {
    const secrets = Array.from(random, (_, index) =>
      generateClientSecret(
        pepper,
        random.map((byte, i) => (i === index ? byte ^ 1 : byte)),
      ),
    );
    expect(new Set(secrets.map(({ secret }) => secret)).size).toBe(random.length);
  });
});

it('keeps a chosen secret as it is', () => {
  const { secret, hash, hint } = chosenClientSecret(pepper, 'chosen é', random);
  expect([secret, hint]).toEqual(['chosen é', 'en é']);
  expect(hash).toEqual(hashClientSecret(pepper, 'chosen é'));
  expect(hash).not.toEqual(hashClientSecret(Buffer.alloc(32, 2), 'chosen é'));
});
