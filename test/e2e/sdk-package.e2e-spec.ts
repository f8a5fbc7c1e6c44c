import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const project = dirname(dirname(import.meta.dirname));
const entries = ['client', 'resource-server', 'cache', 'events', 'express', 'fastify', 'web'];
const use = `
  const manager = new client.TokenManager({ token: 'given' });
  manager.token().then(({ value }) => console.log(value, typeof resource_server.createTokenVerifier,
    typeof cache.createSyncedCache, typeof events.createWebhookReceiver, typeof express.requireToken,
    typeof fastify.requireToken, typeof web.authorize));`;
const nameOf = (entry: string) => entry.replace('-', '_');

/** The variables of an `npm` that runs the tests are not those of a user's. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

let home: string;
let packedWithoutBuild: string[];
let unpackedSize: number;

/** Packs the SDK as the README says, in a clone where nothing was built, and installs it into an empty project. */
beforeAll(() => {
  const clone = mkdtempSync(join(tmpdir(), 'signet-clone-'));
  home = mkdtempSync(join(tmpdir(), 'signet-package-'));
  const built = [join(project, 'sdk', 'dist'), join(project, 'sdk', 'node_modules')];
  for (const name of [
    'package.json',
    '.npmrc',
    'nest-cli.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'migrations',
    'src',
    'sdk',
  ]) {
    const filter = (path: string) => !built.includes(path);
    cpSync(join(project, name), join(clone, name), { recursive: true, verbatimSymlinks: true, filter });
  }
  symlinkSync(join(project, 'node_modules'), join(clone, 'node_modules'));
  const pack = (command: string, cwd = clone) =>
    spawnSync(`${command} --json --pack-destination '${home}'`, { cwd, env, shell: true, encoding: 'utf8' });
  packedWithoutBuild = [pack('npm pack -w sdk'), pack('npm pack', join(clone, 'sdk'))].map(
    ({ status, stderr }) => `${status === 0 ? 'packed' : 'failed'}: ${stderr}`,
  );
  const { stdout, stderr } = pack('npm run build >&2 && npm pack -w sdk');
  rmSync(clone, { recursive: true });
  const [packed] = JSON.parse(stdout || stderr) as [{ filename: string; unpackedSize: number }];
  ({ unpackedSize } = packed);
  const installed = join(home, 'node_modules', '@signet', 'sdk');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(home, packed.filename), '-C', installed, '--strip-components=1']);
  install('jose', '@types', 'undici-types');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function install(...packages: readonly string[]): void {
  for (const name of packages) {
    const link = join(home, 'node_modules', name);
    if (!existsSync(link)) symlinkSync(join(project, 'node_modules', name), link);
  }
}

function run(file: string, text: string): string {
  writeFileSync(join(home, file), text);
  return execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' });
}

/** @returns what the compiler complains about */
function compile(files: Readonly<Record<string, string>>, ...options: readonly string[]): string {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text);
  const compiler = join(project, 'node_modules', 'typescript', 'lib', 'tsc.js');
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  try {
    return execFileSync(process.execPath, [compiler, ...strict, ...options, ...Object.keys(files)], {
      cwd: home,
      encoding: 'utf8',
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('the package @signet/sdk', () => {
  it('is not packed without a build, which would be a package of nothing', () => {
    const said = expect.stringMatching(/^failed: .*npmignore/s) as string;
    expect(packedWithoutBuild).toEqual([said, said]);
  });

  it('is small', () => {
    expect(unpackedSize).toBeLessThan(60_000);
  });

  it('is loaded by ESM, by CommonJS and by TypeScript in strict mode from an empty project', () => {
    const esm = entries.map((entry) => `import * as ${nameOf(entry)} from '@signet/sdk/${entry}';`).join('\n');
    const cjs = entries.map((entry) => `const ${nameOf(entry)} = require('@signet/sdk/${entry}');`).join('\n');
    const all = `given${' function'.repeat(6)}\n`;
    expect([run('esm.mjs', esm + use), run('cjs.cjs', cjs + use)]).toEqual([all, all]);
    const files = { 'strict.mts': esm + use, 'strict.cts': esm + use };
    expect([compile(files), compile(files, '--module', 'node20')]).toEqual(['', '']);
  });

  it('is found by a compiler that looks up folders alone', () => {
    const options = ['--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
    const text = `import { createTokenVerifier } from '@signet/sdk/resource-server'; export const made: object = createTokenVerifier;`;
    expect(compile({ 'folders.ts': text }, ...options, '--skipLibCheck')).toBe('');
  });

  it('has examples for Express and Fastify that compile in strict mode', () => {
    install('fastify');
    const blocksOf = (...path: string[]) =>
      [...readFileSync(join(project, ...path), 'utf8').matchAll(/^```ts\n(import .*?)^```$/gms)].map(
        ([, code]) => code,
      );
    const readme = blocksOf('sdk', 'README.md').map(
      (code) => `import express from 'express';\nconst app = express();\n${code}`,
    );
    const guide = blocksOf('docs', 'guides', 'protect-an-api.md');
    expect([readme.length, guide.length]).toEqual([1, 2]);
    const files = Object.fromEntries([...readme, ...guide].map((code = '', at) => [`example-${at}.mts`, code]));
    expect(compile(files, '--skipLibCheck')).toBe('');
  });

  it('has an example of everything that it exports, and all of them compile', () => {
    install('@nestjs', 'fastify');
    const page = readFileSync(join(project, 'docs', 'sdk.md'), 'utf8');
    const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
    const files = Object.fromEntries(blocks.map((code, at) => [`page-${at}.mts`, code]));
    expect(compile(files, '--experimentalDecorators', '--skipLibCheck', '--lib', 'es2024,dom')).toBe('');
    const exported = [...entries, 'nestjs'].map((entry) => {
      const text = `import * as all from '@signet/sdk/${entry}'; console.log(JSON.stringify(Object.keys(all)));`;
      return JSON.parse(run(`exports-of-${entry}.mjs`, text)) as string[];
    });
    expect(exported.flat().filter((name) => !blocks.join('').includes(name))).toEqual([]);
  });
});
