import 'reflect-metadata';
import { constants, createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { DataSource } from 'typeorm';
import {
  auditKeys,
  BadCheckpoint,
  BadExport,
  type ChainVerdict,
  ChainVerifier,
  type ChainLinkRecord,
  type Checkpoint,
  openChainExport,
  readChainLine,
  readCheckpoints,
  verifyDatabase,
} from './audit/index.js';
import { Progress } from './cli/index.js';
import { runCommand, runWithoutDatabase, say } from './command.js';
import type { Config } from './config/index.js';
import { connect, createDataSource } from './database/index.js';
import { DataKeyEntity, loadKeyWrappers, openDerivedKeys } from './encryption/index.js';

const usage = `npm run audit:verify -- [--checkpoint FILE]... [--export FILE] [--json]

Verifies the audit log of the database, or an export of its chain (export?format=ndjson&chain=true).

  --checkpoint FILE  checkpoints that were kept outside the database (audit-checkpoints.jsonl); may be repeated
  --export FILE      the export, in place of the database
  --json             the result as JSON

Exit code: 0 intact; 1 it could not be verified: no database; 2 not intact; 64 wrong arguments, or a file that cannot be read or
holds no checkpoint: nothing was verified; 78 wrong configuration.`;

/** The log was altered. */
const EX_BROKEN = 2;
/** sysexits(3): wrong arguments, and files that are not what they were named for. */
const EX_USAGE = 64;

/** A file proves nothing of what it was named for; whoever relies on it must not be told that all is well. */
class NoCheckpoint extends Error {}

interface Options {
  readonly checkpoints: readonly string[];
  readonly exportFile: string | undefined;
  readonly json: boolean;
}

/** @throws Error for wrong arguments */
function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      checkpoint: { type: 'string', multiple: true },
      export: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  return { checkpoints: values.checkpoint ?? [], exportFile: values.export, json: values.json ?? false };
}

/**
 * What is wrong with the files that were named, a line for each: looked at before anything else is begun.
 *
 * @returns `FILE: cannot be read (ENOENT)`, by the code of the system
 */
async function unreadable({ checkpoints, exportFile }: Options): Promise<string[]> {
  const faults: string[] = [];
  for (const file of [...checkpoints, ...(exportFile === undefined ? [] : [exportFile])]) {
    const fault = await readingFault(file);
    if (fault !== undefined) faults.push(`${file}: cannot be read (${fault})`);
  }
  return faults;
}

async function readingFault(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.R_OK);
    return (await stat(file)).isDirectory() ? 'EISDIR' : undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}

async function readAll(files: readonly string[], key: Buffer): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for (const file of files) {
    const { checkpoints, torn } = await readCheckpoints(file, key).catch((error: unknown) => {
      throw error instanceof BadCheckpoint ? new BadCheckpoint(`${file}: ${error.message}`) : error;
    });
    for (const line of torn) say(`${file}: line ${line} is not JSON, and was passed over`);
    if (checkpoints.length === 0) throw new NoCheckpoint(`${file}: holds no checkpoint`);
    for (const checkpoint of checkpoints) found.push(checkpoint);
  }
  return found;
}

async function hasChain(dataSource: DataSource): Promise<boolean> {
  const [row] = (await dataSource.query(
    `SELECT to_regclass('audit_chain') IS NOT NULL AND to_regclass('data_keys') IS NOT NULL AS found`,
  )) as [{ found: boolean }];
  return row.found && (await dataSource.getRepository(DataKeyEntity).count()) > 0;
}

async function verifyStored(
  config: Config,
  postgresUrl: string,
  { checkpoints }: Options,
  progress: Progress,
): Promise<ChainVerdict> {
  const dataSource = createDataSource(postgresUrl, [DataKeyEntity]);
  await connect(dataSource, () => say('waiting for the database'));
  try {
    if (!(await hasChain(dataSource))) throw new Error('the database holds no audit chain');
    const keys = auditKeys(await openDerivedKeys(config.keys, config.database.dataDir, dataSource));
    const known = await readAll(checkpoints, keys.checkpoint);
    return await verifyDatabase(dataSource, keys.chain, known, (entries) => progress.reached(entries));
  } finally {
    await dataSource.destroy();
  }
}

/** What was pruned stands before what says so: the file is read twice. */
async function exportedTombstones(exportFile: string): Promise<ChainLinkRecord[]> {
  const found: ChainLinkRecord[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(exportFile), crlfDelay: Infinity })) {
    number += 1;
    if (!line.includes('"kind":"pruned"')) continue;
    const record = readChainLine(line, number);
    if ('seq' in record) found.push(record);
  }
  return found;
}

async function verifyExport(
  config: Config,
  exportFile: string,
  { checkpoints }: Options,
  progress: Progress,
): Promise<ChainVerdict> {
  const wrappers = await loadKeyWrappers(config.keys, config.database.dataDir, () => Promise.resolve(true));
  const tombstones = await exportedTombstones(exportFile);
  let verifier: ChainVerifier | undefined;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(exportFile), crlfDelay: Infinity })) {
    number += 1;
    if (verifier === undefined) {
      const keys = await openChainExport(line, wrappers);
      verifier = new ChainVerifier(keys.chain, await readAll(checkpoints, keys.checkpoint), tombstones);
    } else {
      verifier.add(readChainLine(line, number));
      progress.reached(verifier.verified);
    }
  }
  if (verifier === undefined) throw new BadExport('is empty');
  return verifier.finish();
}

function report({ checkpoints, json }: Options, verdict: ChainVerdict): void {
  const { intact, entries, pruned, head, broken } = verdict;
  if (json) {
    const where = broken === undefined ? {} : { broken_at: broken };
    process.stdout.write(`${JSON.stringify({ intact, entries, ...(pruned > 0 && { pruned }), head, ...where })}\n`);
  } else if (broken === undefined) {
    const gone = pruned === 0 ? '' : ` and ${pruned} that were pruned`;
    process.stdout.write(`intact: ${entries} entries${gone}, the chain ends at ${head.seq}\n`);
  } else {
    const place = broken.seq === null ? 'outside the chain' : `at ${broken.seq}`;
    const entry = broken.id === null ? '' : `, entry ${broken.id}`;
    process.stdout.write(`broken ${place}${entry}: ${broken.reason}\n`);
  }
  if (checkpoints.length === 0) say('without --checkpoint nothing tells whether the end of the log was cut off');
}

/** `npm run audit:verify`: whether the audit log is what it was when it was written (docs/audit.md). */
async function verify(options: Options): Promise<number> {
  const progress = new Progress(process.stderr, 'entries verified', options.json);
  let code = EX_BROKEN;
  const conclude = async (verifying: Promise<ChainVerdict>): Promise<void> => {
    code = await conclusion(
      options,
      verifying.finally(() => progress.clear()),
    );
  };
  const { exportFile } = options;
  if (exportFile === undefined) {
    await runCommand(async ({ config, postgresUrl, embedded }) => {
      await conclude(verifyStored(config, postgresUrl, options, progress));
      await embedded?.stop();
    });
  } else {
    await runWithoutDatabase((config) => conclude(verifyExport(config, exportFile, options, progress)));
  }
  return code;
}

/** Tells what was found, and gives the exit code for it. */
async function conclusion(options: Options, verifying: Promise<ChainVerdict>): Promise<number> {
  try {
    const verdict = await verifying.catch(explain);
    report(options, verdict);
    return verdict.intact ? 0 : EX_BROKEN;
  } catch (error) {
    if (!(error instanceof NoCheckpoint)) throw error;
    say(error.message);
    return EX_USAGE;
  }
}

/** What somebody has put into a file is a finding; that a file cannot be read is not. */
function explain(error: unknown): ChainVerdict {
  if (!(error instanceof BadExport || error instanceof BadCheckpoint)) throw error;
  const broken = { seq: null, id: null, reason: error.message };
  const counts = { entries: 0, tokenEntries: 0, pruned: 0, entriesBefore: 0 };
  return { intact: false, ...counts, tombstones: [], head: { seq: 0, mac: '' }, broken };
}

async function run(): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions();
  } catch (error) {
    say(`${error instanceof Error ? error.message : 'wrong arguments'}\n\n${usage}`);
    return EX_USAGE;
  }
  if (options !== 'help') {
    const faults = await unreadable(options);
    for (const fault of faults) say(fault);
    return faults.length > 0 ? EX_USAGE : verify(options);
  }
  process.stdout.write(`${usage}\n`);
  return 0;
}

process.exit(await run());
