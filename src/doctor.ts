import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure } from './cli/index.js';
import { explain, startDatabase } from './command.js';
import { type Config, ConfigurationError, loadConfig } from './config/index.js';
import {
  dataDirectoryFinding,
  diagnoseDatabase,
  fail,
  type Finding,
  info,
  ok,
  redisFinding,
  warn,
} from './diagnosis/index.js';

/**
 * `signet doctor`: looks at everything that a server with this configuration needs, beside a running server or without one, and
 * says what to do. Changes nothing.
 *
 * @throws CommandFailure without a word when anything fails
 */
export async function doctor({ json }: { readonly json: boolean }): Promise<void> {
  const findings = await examine();
  const isFailed = findings.some(({ status }) => status === 'fail');
  const lines = json ? [JSON.stringify({ ok: !isFailed, checks: findings }, null, 2)] : reportOf(findings);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  if (isFailed) throw new CommandFailure(1, []);
}

async function examine(): Promise<Finding[]> {
  const { config, findings } = configuration();
  if (config === undefined) return findings;
  const dataDirectory = await dataDirectoryFinding(config.database.dataDir);
  if (dataDirectory !== undefined) findings.push(dataDirectory);
  findings.push(...(await database(config)));
  const { redisUrl } = config.queue;
  if (redisUrl !== undefined) findings.push(await redisFinding(redisUrl.reveal()));
  return findings;
}

function configuration(): { config?: Config; findings: Finding[] } {
  const check = 'configuration';
  try {
    const { config, warnings } = loadConfig(process.env, process.execArgv);
    const doubts = warnings.map(({ variable, message }) => warn(check, variable, `It ${message}.`));
    return { config, findings: doubts.length > 0 ? doubts : [ok(check, 'complete and well-formed')] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { findings: error.faults.map(({ variable, message }) => fail(check, `${variable}: ${message}`)) };
  }
}

async function database(config: Config): Promise<Finding[]> {
  const { url, dataDir } = config.database;
  // A cluster that is not there is not made for the sake of a look.
  if (url === undefined && !existsSync(join(dataDir, 'postgres'))) {
    return [info('database', 'there is none yet', 'Start the server: it makes one in DATA_DIR.')];
  }
  try {
    const { url: postgresUrl, embedded } = await startDatabase(config);
    try {
      return await diagnoseDatabase(config, postgresUrl);
    } finally {
      await embedded?.stop();
    }
  } catch (error) {
    return [fail('database', firstLine(explain(error).lines), 'Start it, or correct DATABASE_URL.')];
  }
}

/** A line for each finding, and one for what to do. */
function reportOf(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, message, advice }) => [
    `${status.padEnd(4)}  ${check.padEnd(width)}  ${message}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 8)}${advice}`]),
  ]);
  const count = (status: string) => findings.filter((finding) => finding.status === status).length;
  const [failed, doubtful] = [count('fail'), count('warn')];
  return [...lines, '', failed + doubtful === 0 ? 'nothing to do' : `${failed} failed, ${doubtful} to look at`];
}

/** Without the stack of what nobody has expected. */
function firstLine(lines: readonly string[]): string {
  return lines[0]?.split('\n', 1)[0] ?? 'cannot be reached';
}
