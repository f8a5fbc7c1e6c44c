import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

let home: string;
let unpackedSize: number;

/** Packs the SDK, and installs it into an empty project. */
beforeAll(() => {
  execFileSync(process.execPath, [join(project, 'sdk', 'build.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
  home = mkdtempSync(join(tmpdir(), 'signet-package-'));
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', home], {
    cwd: join(project, 'sdk'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [pack] = JSON.parse(packed) as [{ filename: string; unpackedSize: number }];
  ({ unpackedSize } = pack);
  const installed = join(home, 'node_modules', '@signet', 'sdk');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(home, pack.filename), '-C', installed, '--strip-components=1']);
  install('jose', '@types', 'undici-types');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function install(...packages: readonly string[]): void {
  for (const name of packages) symlinkSync(join(project, 'node_modules', name), join(home, 'node_modules', name));
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
  it('is small', () => {
    expect(unpackedSize).toBeLessThan(60_000);
  });

  it('is loaded by ESM, by CommonJS and by TypeScript in strict mode from an empty project', () => {
    const esm = entries.map((entry) => `import * as ${nameOf(entry)} from '@signet/sdk/${entry}';`).join('\n');
    const cjs = entries.map((entry) => `const ${nameOf(entry)} = require('@signet/sdk/${entry}');`).join('\n');
    const all = `given${' function'.repeat(6)}\n`;
    expect([run('esm.mjs', esm + use), run('cjs.cjs', cjs + use)]).toEqual([all, all]);
    expect(compile({ 'strict.mts': esm + use, 'strict.cts': esm + use })).toBe('');
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
