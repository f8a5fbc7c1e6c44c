import { generateSigningKeyPair } from './key-generation.js';
import { publicJwk } from './public-jwk.js';
import { keySetDocument, type PublishedKey } from './published-keys.js';
import type { SigningKeyStatus } from './signing-key.js';

async function published(status: SigningKeyStatus, createdAt: string): Promise<PublishedKey> {
  const { publicKey } = await generateSigningKeyPair('ES256');
  const jwk = await publicJwk(publicKey, 'ES256');
  const key = {
    kid: jwk.kid,
    alg: jwk.alg,
    status,
    createdAt: new Date(createdAt),
    activatesAt: null,
    activatedAt: null,
    retiringAt: null,
    expiresAt: null,
  };
  return { key, publicKey, jwk };
}

describe('the JWKS document', () => {
  it('lists what signs, what will sign, what has signed, and is the same whatever the order of the rows', async () => {
    const keys = [
      await published('active', '2026-03-01'),
      await published('active', '2026-02-01'),
      await published('pending', '2026-04-01'),
      await published('retiring', '2026-01-01'),
    ];
    const document = keySetDocument(keys);
    expect(JSON.parse(document.body)).toEqual({ keys: keys.map(({ jwk }) => jwk) });
    expect(document.entityTag).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
    expect(keySetDocument(keys.toReversed())).toEqual(document);
    expect(keySetDocument(keys.slice(1)).entityTag).not.toBe(document.entityTag);
  });
});
