import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Block, differences, failedLine, printedBy, scriptOf } from './guide.js';
import type { ServerBuild } from './server-process.js';

const project = dirname(dirname(import.meta.dirname));

/** A page that takes longer has failed. */
const LIMIT_MS = 100_000;

/** Where the blocks of a page are run. */
export interface GuideSurroundings {
  /** Made for the page; it looks like a clone of the project. */
  readonly directory: string;
  /** What the commands find first. */
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
  /** Puts in what the page has examples for. */
  readonly replace: (text: string) => string;
}

/** Builds the SDK, which pages use, unless there is a build that is not older than its source. */
export function ensureSdk(): void {
  const sdk = join(project, 'sdk');
  const youngest = (folder: string) =>
    Math.max(
      ...readdirSync(join(sdk, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
    );
  if (existsSync(join(sdk, 'dist', 'client', 'index.js')) && youngest('dist') > youngest('src')) return;
  spawnSync(process.execPath, [join(sdk, 'build.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Puts `npx signet`, `npm start` and `npm run …` as pages use them into a directory for `PATH`: they run what was built. */
export function writeCommands(bin: string, build: ServerBuild): void {
  mkdirSync(bin, { recursive: true });
  const node = `exec '${process.execPath}' --disable-proto=delete`;
  const npx = `[ "$1" = signet ] || exit 127\nshift\n${node} '${build.entryOf('signet')}' "$@"\n`;
  const npm = [
    'case "$*" in',
    `start) ${node} '${build.entryOf('main')}' ;;`,
    `'run migrate') ${node} '${build.entryOf('migrate')}' ;;`,
    `'run kek:rotate') ${node} '${build.entryOf('kek-rotate')}' ;;`,
    '*) exit 127 ;;',
    'esac\n',
  ].join('\n');
  for (const [name, body] of Object.entries({ npx, npm })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}`);
    chmodSync(join(bin, name), 0o755);
  }
}

/** Makes a directory look like a clone: examples, the SDK, and what is installed. */
export function asClone(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of ['node_modules', 'examples', 'sdk', 'package.json']) {
    symlinkSync(join(project, name), join(directory, name));
  }
}

/**
 * Runs the blocks of a page with bash, in their order.
 *
 * @returns what is wrong, by page and line; empty if nothing is
 */
export async function runGuide(
  page: string,
  blocks: readonly Block[],
  { directory, bin, env, replace }: GuideSurroundings,
): Promise<string[]> {
  writeFileSync(join(directory, page), scriptOf(blocks, replace));
  const { PATH = '' } = process.env;
  const child = spawn('bash', [page], {
    cwd: directory,
    env: { PATH: `${bin}:${PATH}`, HOME: directory, ...env },
    // A group of its own: what it leaves in the background ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.stderr += text));
  const group = -(child.pid ?? 0);
  const limit = setTimeout(() => process.kill(group, 'SIGKILL'), LIMIT_MS);
  // Once nobody holds the streams any more: not before all in the group have ended.
  const closed = once(child, 'close');
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(limit);
  try {
    process.kill(group, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
  await closed;
  if (code === 0) return differences(blocks, printedBy(blocks, seen.stdout)).map((line) => `${page}:${line}`);
  const last = seen.stdout.slice(-2_000) + seen.stderr.slice(-4_000);
  return [`${page}:${failedLine(seen.stdout, seen.stderr)}: ended with ${code ?? signal}: ${last}`];
}
