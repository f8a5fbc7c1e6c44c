// Builds the package: JavaScript without comments and blanks, and the declarations that its entries reach, comments included.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { minify } from '@swc/core';

const sdk = import.meta.dirname;
const dist = join(sdk, 'dist');
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');

function compile(...options) {
  execFileSync(process.execPath, [compiler, '-p', join(sdk, 'tsconfig.build.json'), ...options], { stdio: 'inherit' });
}

/** The declarations that `file` imports, itself included. */
function reach(file, reached) {
  if (reached.has(file)) return;
  reached.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)\.js'/g)) {
    reach(resolve(dirname(file), `${path}.d.ts`), reached);
  }
}

/** Declarations without private members, indented by tabs. */
function slim(declarations) {
  return declarations
    .replace(/^( {4})+/gm, (blanks) => '\t'.repeat(blanks.length / 4))
    .replace(/^(\s+\/\*\*.*\*\/\n)?\s+private (?!constructor).*\n/gm, '')
    .replace(/^import .* from 'reflect-metadata';\n/gm, '');
}

rmSync(dist, { recursive: true, force: true });
compile('--declaration', 'false');
compile('--emitDeclarationOnly');

const { exports } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8'));
const entries = Object.values(exports).filter((path) => path.endsWith('.js'));
const reached = new Set();
for (const entry of entries) reach(join(sdk, entry.replace(/\.js$/, '.d.ts')), reached);

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (file.endsWith('.d.ts')) {
    if (reached.has(file)) writeFileSync(file, slim(readFileSync(file, 'utf8')));
    else rmSync(file);
  } else if (file.endsWith('.js')) {
    const { code } = await minify(readFileSync(file, 'utf8'), {
      module: true,
      compress: { passes: 3 },
      mangle: { toplevel: true, keep_classnames: false },
    });
    writeFileSync(file, `${code}\n`);
  }
}
