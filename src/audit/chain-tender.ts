import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { DatabaseConfig } from '../config/index.js';
import { inTransaction, Postgres, unhurried } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { AuditChain } from './audit-chain.js';
import { BadCheckpoint, type Checkpoint, checkpointKeyPurpose, signCheckpoint } from './checkpoint.js';
import type { KnownLink } from './chain-verifier.js';
import { appendCheckpoint, checkpointPath, lastCheckpoint } from './checkpoint-file.js';
import { TokenBatches } from './token-batches.js';

const tendMs = 1_000;

/** Between two checkpoints. */
const checkpointMs = 60_000;
const checkpointLinks = 1_000;

const selectState = `
  SELECT seq::int AS seq, entries::float8 AS entries, encode(mac, 'hex') AS mac,
    EXISTS (SELECT FROM token_batches) AS waiting
  FROM audit_chain_head`;

const selectMac = `SELECT encode(mac, 'hex') AS mac FROM audit_chain WHERE seq = $1`;

interface State {
  readonly seq: number;
  readonly entries: number;
  readonly mac: string;
  readonly waiting: boolean;
}

/** Looks after the chain, once a second: takes the batches of issued tokens into it, and signs where it has come to. */
@Injectable()
export class ChainTender
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger('audit');
  private readonly path: string;
  private timer: NodeJS.Timeout | undefined;
  private tending: Promise<void> | undefined;
  private last: Checkpoint | undefined;
  /** What was signed and is not in the file yet. */
  private unwritten: string | undefined;
  private warned = false;
  private missed: number | undefined;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(AuditChain) private readonly chain: AuditChain,
    @Inject(TokenBatches) private readonly batches: TokenBatches,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(DatabaseConfig) { dataDir }: DatabaseConfig,
  ) {
    this.path = checkpointPath(dataDir);
  }

  /** The first link exists before this process serves anybody. */
  async onModuleInit(): Promise<void> {
    await inTransaction(this.dataSource, (tx) => Promise.resolve(this.chain.begin(tx)), unhurried);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.tend(), tendMs).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.tending;
  }

  /** What this process wrote at last is signed as well. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.tend(true);
  }

  /** @param atOnce whether to sign what is new, however little it is */
  tend(atOnce = false): Promise<void> {
    this.tending ??= this.tendOnce(atOnce).finally(() => (this.tending = undefined));
    return this.tending;
  }

  private async tendOnce(atOnce: boolean): Promise<void> {
    try {
      let state = await this.state();
      if (state.waiting) {
        await this.batches.link();
        state = await this.state();
      }
      if (await this.holdsWhatWasSeen()) {
        this.chain.saw(state);
        await this.checkpoint(state, atOnce);
      }
      this.warned = false;
    } catch (error) {
      if (!this.warned) this.logger.warn(`the audit chain waits: ${messageOf(error)}`);
      this.warned = true;
    }
  }

  private async state(): Promise<State> {
    const statement = { name: 'audit_chain_state', text: selectState, values: [] };
    const [state] = await this.postgres.query<State & Record<string, unknown>>(statement);
    if (state === undefined) throw new Error('the head of the audit chain is missing');
    return state;
  }

  private async holdsWhatWasSeen(): Promise<boolean> {
    const found = await this.follows(this.chain.seen);
    this.chain.checked(found);
    return found;
  }

  private async checkpoint({ seq, mac, entries }: State, atOnce: boolean): Promise<void> {
    if (await this.isToBeSigned(seq, atOnce)) {
      this.last = { v: 1, seq, mac, entries, at: new Date(this.clock.now()).toISOString() };
      this.unwritten = signCheckpoint(this.derivedKeys.derive(checkpointKeyPurpose), this.last);
      // First, and once: whoever ships the log has it also where the disk is full.
      this.logger.log(`checkpoint ${this.unwritten}`);
    }
    if (this.unwritten === undefined) return;
    await appendCheckpoint(this.path, this.unwritten);
    this.unwritten = undefined;
  }

  private async isToBeSigned(seq: number, atOnce: boolean): Promise<boolean> {
    if (!this.isDue(seq, atOnce)) return false;
    // Another process of this machine may have signed it.
    if (this.unwritten === undefined) this.last = (await this.lastOfFile()) ?? this.last;
    return this.isDue(seq, atOnce) && (await this.follows(this.last));
  }

  private isDue(seq: number, atOnce: boolean): boolean {
    const { last } = this;
    if (last === undefined) return true;
    if (seq === last.seq) return false;
    const isOld = Math.abs(this.clock.now() - Date.parse(last.at)) >= checkpointMs;
    return atOnce || isOld || Math.abs(seq - last.seq) >= checkpointLinks;
  }

  /** What does not go on from where it was signed, or seen, must not be signed again. */
  private async follows(known: KnownLink | undefined): Promise<boolean> {
    if (known === undefined) return true;
    const statement = { name: 'audit_chain_mac', text: selectMac, values: [known.seq] };
    const [link] = await this.postgres.query<{ mac: string }>(statement);
    if (link?.mac === known.mac) return true;
    if (this.missed !== known.seq) {
      this.logger.error(`the audit log is not the one that was at ${known.seq} before: verify it (docs/audit.md)`);
    }
    this.missed = known.seq;
    return false;
  }

  private async lastOfFile(): Promise<Checkpoint | undefined> {
    try {
      return await lastCheckpoint(this.path, this.derivedKeys.derive(checkpointKeyPurpose));
    } catch (error) {
      if (error instanceof BadCheckpoint) return undefined;
      throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
