import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { ServerConfig } from '../../config/index.js';
import {
  checkClientAssertion,
  type CheckedAssertion,
  type ClientAssertion,
  type ClientAssertionFault,
  type ClientAssertionKey,
  isSignedByAny,
  readClientAssertionKey,
} from '../../protocol/index.js';
import type { Jwks } from '../client.js';
import { ClientKeySets } from './client-key-sets.js';
import type { ClientSnapshot } from './client-snapshot.js';

/** Why an assertion was refused. */
export type AssertionFault = ClientAssertionFault | 'assertion_signature' | 'keys_unavailable';

/** Checks client assertions (RFC 7523 §3). */
@Injectable()
export class AssertionCheck {
  private readonly issuer: string;
  private readonly nobody = keysOfNobody();
  /** By the set as it stands in memory: it is imported once. */
  private readonly imported = new WeakMap<Jwks, readonly ClientAssertionKey[]>();

  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(ClientKeySets) private readonly keySets: ClientKeySets,
  ) {
    this.issuer = server.issuer;
  }

  /**
   * Checks the claims, then the signature. Where the claims are in order a signature is verified for everybody, whether there is
   * a client or not.
   *
   * @param client `undefined`: one that nothing can speak for
   * @param now milliseconds since the epoch
   */
  async check(
    assertion: ClientAssertion,
    client: ClientSnapshot | undefined,
    now: number,
  ): Promise<CheckedAssertion | AssertionFault> {
    const checked = checkClientAssertion(assertion, this.issuer, now);
    if (typeof checked === 'string') return checked;
    if (client === undefined) {
      isSignedByAny({ ...assertion, keyId: undefined }, this.nobody);
      return 'assertion_signature';
    }
    const isSigned = await this.keySets.test(client, assertion.keyId, (jwks) =>
      isSignedByAny(assertion, this.keysOf(jwks)),
    );
    if (isSigned === 'keys_unavailable') return isSigned;
    return isSigned ? checked : 'assertion_signature';
  }

  private keysOf(jwks: Jwks): readonly ClientAssertionKey[] {
    let keys = this.imported.get(jwks);
    if (keys === undefined) {
      keys = jwks.keys.map((jwk) => readClientAssertionKey(jwk)).filter((key) => key !== undefined);
      this.imported.set(jwks, keys);
    }
    return keys;
  }
}

/** One key for each algorithm, of none of which there is a private part. */
function keysOfNobody(): readonly ClientAssertionKey[] {
  const modulus = randomBytes(256);
  modulus[0] = 0xff;
  modulus[255] = 0xff;
  const jwks = [
    { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' },
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }),
  ];
  return jwks.map((jwk) => readClientAssertionKey({ ...jwk })).filter((key) => key !== undefined);
}
