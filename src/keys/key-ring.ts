import { createPublicKey, type KeyObject } from 'node:crypto';
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
import { KeyVault } from './key-vault.js';
import { publicJwk } from './public-jwk.js';
import { keySetDocument, type PublishedKey } from './published-keys.js';
import { LocalSigningHandle, type Signer, type SigningHandle } from './signer.js';
import type { SigningKey } from './signing-key.js';
import { fingerprintOf, fingerprintStatement, SigningKeyRepository } from './signing-key.repository.js';

/** How often the ring looks for changes made by other processes. */
const pollIntervalMs = 1_000;

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
 * The published keys of this server in memory, and the one that signs. Follows the database within a second, and at once when
 * asked to {@link reload}.
 *
 * A public key is published only when its private part opens under the key-encryption key: a row that somebody else put into
 * the table is worth nothing.
 */
@Injectable()
export class KeyRing implements Signer, VerificationKeys, OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(KeyRing.name);
  private readonly refused = new Set<string>();
  private ring = emptyRing;
  private lastReading: Promise<void> = Promise.resolve();
  private nextReading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private stopped = false;
  private outage = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(SigningKeyRepository) private readonly repository: SigningKeyRepository,
    @Inject(KeyVault) private readonly vault: KeyVault,
    @Inject(KeyConfig) private readonly config: KeyConfig,
  ) {}

  /**
   * Loads the keys, after making the first one of `SIGNING_ALG` if none is active.
   *
   * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when a stored key does not open with it; nothing is changed then
   * @throws DatabaseUnavailable
   */
  async onModuleInit(): Promise<void> {
    await this.vault.ensureActive(this.config.signingAlg);
    await this.load((kid) => {
      throw wrongKeyEncryptionKey(`the signing key ${kid} in the database does not open with it`);
    });
  }

  current(): SigningHandle {
    return this.signing().handle;
  }

  byKid(kid: string): VerificationKey | undefined {
    return this.ring.verification.get(kid);
  }

  /** Whether a key is there to sign with; for the readiness probe. */
  get ready(): boolean {
    return this.ring.signing !== undefined;
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
    // A reading under way may have begun before the change that the caller knows of: the caller gets the next one.
    this.nextReading ??= this.lastReading
      .catch(() => undefined)
      .then(() => {
        this.nextReading = undefined;
        this.lastReading = this.load((kid) => this.reportRefused(kid));
        return this.lastReading;
      });
    return this.nextReading;
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.polling;
  }

  private signing(): NonNullable<Ring['signing']> {
    const { signing } = this.ring;
    if (signing === undefined) throw new DatabaseUnavailable(new Error(`no active ${this.config.signingAlg} key`));
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
      const [row] = await this.postgres.query<{ fingerprint: string }>(fingerprintStatement);
      if (row?.fingerprint !== this.ring.fingerprint) await this.reload();
      if (this.outage) this.logger.log('signing keys are followed again');
      this.outage = false;
    } catch (error) {
      if (!this.outage) {
        const reason = error instanceof DatabaseUnavailable ? error.message : 'they cannot be read';
        this.logger.error(`signing keys are not followed, the known ones stay in use: ${reason}`);
      }
      this.outage = true;
    }
  }

  private async load(onRefused: (kid: string) => void): Promise<void> {
    const keys = await this.repository.published(this.dataSource.manager).catch((error: unknown) => {
      throw asDatabaseError(error);
    });
    const published = new Map<string, PublishedKey>();
    let signing: Ring['signing'];
    for (const key of keys) {
      try {
        const opened = await this.publish(key);
        published.set(key.kid, opened.published);
        signing ??= opened.signing;
      } catch (error) {
        if (!(error instanceof DecryptionFailed)) throw error;
        onRefused(key.kid);
      }
    }
    this.ring = {
      fingerprint: fingerprintOf(keys),
      published,
      verification: new Map(
        Array.from(published.values(), ({ key, publicKey }) => [key.kid, { alg: key.alg, publicKey }]),
      ),
      keySet: keySetDocument([...published.values()]),
      signing,
    };
  }

  /** Opens a key that is new to the ring, or that begins to sign; of the others the public part is known. */
  private async publish(key: SigningKey): Promise<{ published: PublishedKey; signing?: Ring['signing'] }> {
    const known = this.ring.published.get(key.kid);
    const signs = key.status === 'active' && key.alg === this.config.signingAlg;
    if (known !== undefined) {
      const published = { ...known, key };
      if (!signs) return { published };
      if (this.ring.signing?.handle.kid === key.kid) return { published, signing: this.ring.signing };
    }
    const privateKey = await this.vault.open(key.kid, key.alg);
    const publicKey = createPublicKey(privateKey);
    const published = { key, publicKey, jwk: await publicJwk(publicKey, key.alg) };
    return signs ? { published, signing: signingPart(published, privateKey) } : { published };
  }

  private reportRefused(kid: string): void {
    if (this.refused.has(kid)) return;
    this.refused.add(kid);
    this.logger.error(
      `the signing key ${kid} does not open and is not published: it was altered, or stored by somebody else`,
    );
  }
}

function signingPart({ key, publicKey }: PublishedKey, privateKey: KeyObject): NonNullable<Ring['signing']> {
  return {
    handle: new LocalSigningHandle(key.kid, key.alg, privateKey),
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}
