import { createPublicKey } from 'node:crypto';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { VerificationKey, VerificationKeys } from '../access/index.js';
import { KeyConfig } from '../config/index.js';
import { asDatabaseError, DatabaseUnavailable, Postgres } from '../database/index.js';
import { DecryptionFailed, wrongKeyEncryptionKey } from '../encryption/index.js';
import type { PreparedDocument } from '../http/index.js';
import { KeyHolds } from './key-holds.js';
import { SigningMeasures } from './signing-measures.js';
import { KeyVault } from './key-vault.js';
import { publicJwk } from './public-jwk.js';
import { keySetDocument, type PublishedKey } from './published-keys.js';
import { SharedRun } from './shared-run.js';
import { LocalSigningHandle, type Signer, type SigningHandle } from './signer.js';
import { isKid, type SigningAlg, type SigningKey } from './signing-key.js';
import { fingerprintOf, fingerprintStatement, SigningKeyRepository } from './signing-key.repository.js';

/** How often the ring looks for changes made by other processes, in case that it was not told. */
const pollIntervalMs = 1_000;

/** Keys that change all the time are not read more often than this for one state of the ring. */
const maxReadings = 4;

/** One state of the ring, replaced as a whole. */
interface Ring {
  readonly fingerprint: string;
  readonly published: ReadonlyMap<string, PublishedKey>;
  readonly verification: ReadonlyMap<string, VerificationKey>;
  readonly keySet: PreparedDocument;
  readonly signing: { readonly handle: SigningHandle; readonly publicKeyPem: string } | undefined;
}

const emptyRing: Ring = {
  fingerprint: '',
  published: new Map(),
  verification: new Map(),
  keySet: keySetDocument([]),
  signing: undefined,
};

/**
 * The published keys of this server in memory, and the one that signs. Follows the database as soon as it tells of a change, and
 * within a second if it does not; at once when asked to {@link reload}.
 *
 * The key that signs is the active one of `SIGNING_ALG`. Where that has been changed, it is one of another algorithm until the
 * first of the new one has been published long enough.
 *
 * A public key is published only when its private part opens under the key-encryption key: a row that somebody else put into
 * the table is worth nothing.
 */
@Injectable()
export class KeyRing implements Signer, VerificationKeys, OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(KeyRing.name);
  private readonly refused = new Set<string>();
  private ring = emptyRing;
  private readonly reading = new SharedRun(() => this.load((kid) => this.reportRefused(kid)));
  private readonly comparison = new SharedRun(() => this.compare());
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private stopped = false;
  private outage = false;
  private confirmedAt = 0;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
    @Inject(KeyVault) private readonly vault: KeyVault,
    @Inject(KeyHolds) private readonly holds: KeyHolds,
    @Inject(KeyConfig) private readonly config: KeyConfig,
    @Inject(SigningMeasures) private readonly measures: SigningMeasures,
  ) {}

  /**
   * Loads the keys, after making the first one if none is active.
   *
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when a stored key does not open with it; nothing is changed then
   * @throws DatabaseUnavailable
   */
  async onModuleInit(): Promise<void> {
    await this.vault.ensureActive(this.config.signingAlg);
    await this.load((kid) => {
      throw wrongKeyEncryptionKey(`the signing key ${kid} in the database does not open with it`);
    });
    await this.holds.start(() => void this.reload().catch(() => undefined));
    try {
      await this.reload();
    } catch (error) {
      await this.holds.stop();
      throw error;
    }
  }

  current(): SigningHandle {
    return this.signing().handle;
  }

  byKid(kid: string): VerificationKey | undefined {
    return this.ring.verification.get(kid);
  }

  async find(kid: string): Promise<VerificationKey | undefined> {
    const known = this.byKid(kid);
    if (known !== undefined || !isKid(kid)) return known;
    // A stranger can make up any `kid`: that costs one small question, whoever asks it, and not a moment more.
    await this.comparison.run();
    return this.byKid(kid);
  }

  /** Whether a key is there to sign with; for the readiness probe. */
  get ready(): boolean {
    return this.ring.signing !== undefined;
  }

  /** Milliseconds since the ring was last known to be what the database says. */
  get ageMs(): number {
    return performance.now() - this.confirmedAt;
  }

  /** The JWKS (RFC 7517 §5) as bytes. */
  get keySet(): PreparedDocument {
    return this.ring.keySet;
  }

  /**
   * The active public key in PEM (SPKI, RFC 7468 §13).
   *
   * @throws DatabaseUnavailable while there is none
   */
  get publicKeyPem(): string {
    return this.signing().publicKeyPem;
  }

  /**
   * Reads the keys again. What was committed before the call is in the ring when it resolves; calls of the same moment share
   * one reading.
   *
   * @throws DatabaseUnavailable when that is not possible; the ring stays as it was
   */
  reload(): Promise<void> {
    return this.reading.run();
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.polling;
    await this.holds.stop();
  }

  private signing(): NonNullable<Ring['signing']> {
    const { signing } = this.ring;
    if (signing === undefined) throw new DatabaseUnavailable(new Error('no active key'));
    return signing;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.polling = this.poll().finally(() => this.schedule());
    }, pollIntervalMs);
    this.timer.unref();
  }

  private async poll(): Promise<void> {
    try {
      await this.comparison.run();
      if (this.outage) this.logger.log('signing keys are followed again');
      this.outage = false;
    } catch (error) {
      if (!this.outage) {
        const isAway = error instanceof DatabaseUnavailable;
        const what = 'signing keys are not followed, the known ones stay in use';
        if (isAway) this.logger.warn(`${what}: ${error.message}`);
        else this.logger.error(`${what}: they cannot be read`);
      }
      this.outage = true;
    }
  }

  /** Reads the keys again where they are others than those of the ring. */
  private async compare(): Promise<void> {
    const begin = performance.now();
    const [row] = await this.postgres.query<{ fingerprint: string }>(fingerprintStatement);
    if (row?.fingerprint !== this.ring.fingerprint) await this.reload();
    else this.confirmedAt = begin;
  }

  private async load(onRefused: (kid: string) => void): Promise<void> {
    const begin = performance.now();
    const keys = await this.read();
    const published = new Map<string, PublishedKey>();
    for (const key of keys) {
      try {
        published.set(key.kid, await this.publish(key));
      } catch (error) {
        if (!(error instanceof DecryptionFailed)) throw error;
        onRefused(key.kid);
      }
    }
    const signing = await this.signingPart(published, onRefused);
    this.ring = {
      fingerprint: fingerprintOf(keys),
      published,
      verification: new Map(
        Array.from(published.values(), ({ key, publicKey }) => [key.kid, { alg: key.alg, publicKey }]),
      ),
      keySet: keySetDocument([...published.values()]),
      signing,
    };
    this.confirmedAt = begin;
    await this.holds.keep([...published.keys()]);
  }

  /** The published keys as they are once this process holds each of them. */
  private async read(): Promise<SigningKey[]> {
    for (let readings = 1; ; readings += 1) {
      const keys = await this.repository.published(this.dataSource.manager).catch((error: unknown) => {
        throw asDatabaseError(error);
      });
      const changed = await this.holds.take(keys.map(({ kid }) => kid));
      if (!changed || readings === maxReadings) return keys;
    }
  }

  /** A key that is new to the ring is opened; of the others the public part is known. */
  private async publish(key: SigningKey): Promise<PublishedKey> {
    const known = this.ring.published.get(key.kid);
    if (known !== undefined) return { ...known, key };
    const publicKey = createPublicKey(await this.vault.open(key.kid, key.alg));
    return { key, publicKey, jwk: await publicJwk(publicKey, key.alg) };
  }

  /** Opens the key that signs, where that is another one than before. One that does not open any more is not published. */
  private async signingPart(
    published: Map<string, PublishedKey>,
    onRefused: (kid: string) => void,
  ): Promise<Ring['signing']> {
    const next = signingKey([...published.values()], this.config.signingAlg);
    if (next === undefined) return undefined;
    const { kid, alg } = next.key;
    if (this.ring.signing?.handle.kid === kid) return this.ring.signing;
    try {
      const handle = new LocalSigningHandle(kid, alg, await this.vault.open(kid, alg), this.measures.of(alg));
      return { handle, publicKeyPem: next.publicKey.export({ format: 'pem', type: 'spki' }).toString() };
    } catch (error) {
      if (!(error instanceof DecryptionFailed)) throw error;
      onRefused(kid);
      published.delete(kid);
      return this.signingPart(published, onRefused);
    }
  }

  private reportRefused(kid: string): void {
    if (this.refused.has(kid)) return;
    this.refused.add(kid);
    this.logger.error(
      `the signing key ${kid} does not open and is not published: it was altered, or stored by somebody else`,
    );
  }
}

function signingKey(published: readonly PublishedKey[], signingAlg: SigningAlg): PublishedKey | undefined {
  const active = published
    .filter(({ key }) => key.status === 'active')
    .toSorted((a, b) => (b.key.activatedAt?.getTime() ?? 0) - (a.key.activatedAt?.getTime() ?? 0));
  return active.find(({ key }) => key.alg === signingAlg) ?? active[0];
}
