import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A server that says what it was built from, and ends as it is told. */
const SOURCE = `
if (process.env.FAULT) process.exit(78);
const busy = setInterval(() => undefined, 1000);
process.on('SIGTERM', () => { process.stdout.write('closing\\n'); clearInterval(busy); });
process.stdout.write('serving ' + VERSION + ' ' + ('__proto__' in Object.prototype) + '\\n');
`;

/** Stands in for the compiler. */
const COMPILER = `
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
if (readFileSync('src/main.ts', 'utf8').includes('BROKEN')) process.exit(2);
mkdirSync('dist/src', { recursive: true });
setTimeout(() => {
  writeFileSync('dist/src/main.js', readFileSync('src/main.ts'));
  appendFileSync('builds', 'x');
}, 200);
`;

describe('npm start', () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'signet-start-'));
    write('package.json', '{ "type": "module" }');
    write('node_modules/typescript/bin/tsc', COMPILER);
    write('node_modules/typescript/package.json', '{}');
    mkdirSync(join(project, 'scripts'));
    copyFileSync(join(import.meta.dirname, '..', '..', 'scripts', 'start.mjs'), join(project, 'scripts', 'start.mjs'));
    writeSource('first', -10);
  });

  afterEach(() => rmSync(project, { recursive: true, force: true }));

  it('builds once, and again only after a change', async () => {
    expect(await run()).toEqual({ output: 'serving first false\nclosing\n', code: 0 });
    expect(await run()).toMatchObject({ output: 'serving first false\nclosing\n' });
    expect(builds()).toBe(1);
    writeSource('second', 10);
    expect(await run()).toMatchObject({ output: 'serving second false\nclosing\n' });
    expect(builds()).toBe(2);
  });

  it('builds past the lock of a process that is no more', async () => {
    write('node_modules/.cache/signet-build.lock', '999999999');
    expect(await run()).toMatchObject({ output: 'serving first false\nclosing\n' });
  });

  it('builds once for two that start at the same time', async () => {
    const answers = await Promise.all([run(), run()]);
    expect(answers.map((answer) => answer.output)).toEqual(Array(2).fill('serving first false\nclosing\n'));
    expect(builds()).toBe(1);
  });

  it('tells the server to close when the shell of npm is gone', async () => {
    const command = `"${process.execPath}" "${join(project, 'scripts', 'start.mjs')}"; true`;
    const shell = spawn('/bin/sh', ['-c', command], {
      env: { ...process.env, npm_lifecycle_event: 'start' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.startsWith('serving')) shell.kill('SIGKILL');
    });
    // The server has the pipe too: closed means that both are gone.
    await once(shell, 'close');
    expect(output).toBe('serving first false\nclosing\n');
  });

  it("exits with the server's code", async () => {
    expect(await run({ FAULT: '1' })).toEqual({ output: '', code: 78 });
  });

  it("exits with the compiler's code, and does not serve what is old", async () => {
    await run();
    writeSource('BROKEN', 10);
    expect(await run()).toEqual({ output: '', code: 2 });
  });

  it.each(['node_modules', 'src'])('serves what is built where there is no %s, however old it is', async (folder) => {
    await run();
    writeSource('second', 10);
    rmSync(join(project, folder), { recursive: true });
    utimesSync(join(project, 'package.json'), new Date(), new Date(Date.now() + 60_000));
    expect(await run()).toMatchObject({ output: 'serving first false\nclosing\n', code: 0 });
  });

  it('says what to do where there is neither', async () => {
    rmSync(join(project, 'node_modules'), { recursive: true });
    expect(await run()).toMatchObject({ code: 1 });
  });

  function write(name: string, text: string): void {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  }

  function writeSource(version: string, ageSeconds: number): void {
    write('src/main.ts', `const VERSION = '${version}';${SOURCE}`);
    const time = new Date(Date.now() + ageSeconds * 1000);
    utimesSync(join(project, 'src', 'main.ts'), time, time);
    utimesSync(join(project, 'src'), time, time);
    utimesSync(join(project, 'package.json'), new Date(0), new Date(0));
  }

  function builds(): number {
    return readFileSync(join(project, 'builds'), 'utf8').length;
  }

  /** Runs it until the server serves, ends it by SIGTERM, and tells what it wrote and its exit code. */
  async function run(env: Record<string, string> = {}): Promise<{ output: string; code: number | null }> {
    const child: ChildProcess = spawn(process.execPath, [join(project, 'scripts', 'start.mjs')], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.startsWith('serving') && !output.includes('closing')) child.kill('SIGTERM');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { output, code };
  }
});
