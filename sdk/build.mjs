// Builds the package: one module for each entry, without comments and blanks, and its declarations with their comments.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { minify } from '@swc/core';

const sdk = import.meta.dirname;
const dist = join(sdk, 'dist');
const compiled = mkdtempSync(join(tmpdir(), 'signet-sdk-'));
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Properties that no user, no standard and no other entry knows. */
const inside = [
  ...['lastFailure', 'notBefore', 'usedUntil', 'endsAt', 'expiresIn', 'renewal', 'hasNewNonce', 'isOwn', 'openUntil'],
  ...[
    'freshUntil',
    'fetchedAt',
    'positiveMs',
    'maxStaleMs',
    'maxAgeMs',
    'deleteWhere',
    'forgetAll',
    'held',
    'probing',
    'generation',
    'verdict',
    'verified',
  ],
];

const importOrExport = /^(import|export) (?:type )?\{([^}]*)\} from '([^']+)';\n/gm;
/** What the first comment of an entry says is in the README. */
const fileComment = /^\/\*\* .* \*\/\n(?=import |export (?:type )?\{)/;
const sideImport = /^import '[^']+';\n|^import .* from 'reflect-metadata';\n/gm;

function compile(...options) {
  const all = ['-p', join(sdk, 'tsconfig.build.json'), '--outDir', compiled, ...options];
  execFileSync(process.execPath, [compiler, ...all], { stdio: 'inherit' });
}

const namesOf = (list) =>
  list.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim().replace(/^type /, '')]));

/** A module of the compiler's: what it takes from where, what it passes on, and the rest of it. */
function moduleOf(file) {
  const text = readFileSync(file, 'utf8').replaceAll(sideImport, '').replace(fileComment, '');
  const uses = [...text.matchAll(importOrExport)].map(([, kind, list, from]) => ({ kind, names: namesOf(list), from }));
  return { uses, body: text.replaceAll(importOrExport, '').replaceAll(/^export \{\};\n/gm, '') };
}

/** All files of one entry, those that others need first; what it takes from other entries and packages; what it exports. */
function gather(entry, extension, wanted = []) {
  const folder = dirname(entry);
  const seen = new Map();
  const foreign = new Map();
  const exported = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.set(file, undefined);
    const { uses, body } = moduleOf(file);
    for (const { kind, names, from } of uses) {
      const target = from.startsWith('.') ? resolve(dirname(file), from.replace(/\.js$/, extension)) : undefined;
      if (target !== undefined && dirname(target) === folder) visit(target);
      else {
        const path = target === undefined ? from : `../${dirname(from).split('/').at(-1)}/index.js`;
        foreign.set(path, new Set([...(foreign.get(path) ?? []), ...names]));
      }
      if (kind === 'export') for (const name of names) exported.add(name);
    }
    seen.delete(file);
    seen.set(file, body);
  };
  visit(entry);
  for (const file of wanted) visit(file);
  // The entry says by declaration what it exports of its own.
  for (const [, name] of seen.get(entry).matchAll(/^export (?:declare )?(?:abstract )?(?:async )?\w+ (\w+)/gm)) {
    exported.add(name);
  }
  return { bodies: [...seen.values()], foreign, exported };
}

const importsOf = (foreign) =>
  [...foreign].map(([from, names]) => `import { ${[...names].join(', ')} } from '${from}';\n`).join('');

/** One script of them. */
function script({ bodies, foreign, exported }) {
  const all = bodies.map((body) => body.replaceAll(/^export /gm, '')).join('');
  return `${importsOf(foreign)}${all}export { ${[...exported].join(', ')} };\n`;
}

/** One declaration file of them, which exports what it says and nothing else. */
function declarations({ bodies, foreign, exported }) {
  const marked = bodies
    .join('')
    .replaceAll(
      /^(?:export )?(?:declare )?((?:abstract )?(?:class|const|function|interface|type) (\w+))/gm,
      (_, text, name) => (exported.has(name) ? `export ${text}` : `declare ${text}`),
    );
  return `${importsOf(foreign)}${marked}export {};\n`;
}

/** Declarations indented by tabs, with comments that begin at once, and without modifiers that bind nobody but this package. */
function slim(text) {
  return text
    .replace(/^( {4})+/gm, (blanks) => '\t'.repeat(blanks.length / 4))
    .replace(/\/\*\*\n\t* \* /g, '/** ')
    .replace(/\n\t* \*\/$/gm, ' */')
    .replace(/^\t* \* ?/gm, '')
    .replace(
      /^(\t+)readonly (?!name|clientId: string;\n\treadonly subject|subject|scope: readonly|jti|issuedAt|expiresAt|kid|claims)/gm,
      '$1',
    );
}

compile('--declaration', 'false');
compile('--emitDeclarationOnly');

const { exports } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8'));
const names = Object.values(exports).flatMap((path) => /^\.\/dist\/(\w[\w-]*)\/index\.js$/.exec(path)?.[1] ?? []);
/** What others want of an entry beside what it says. */
const wanted = new Map(names.map((name) => [name, new Set()]));
for (const file of readdirSync(compiled, { recursive: true }).filter((path) => path.endsWith('.js'))) {
  for (const { from } of moduleOf(join(compiled, file)).uses) {
    const [, name] = /^\.\.\/([\w-]+)\/\w/.exec(from) ?? [];
    wanted.get(name)?.add(resolve(compiled, dirname(file), from));
  }
}
const scripts = new Map(
  names.map((name) => [name, gather(join(compiled, name, 'index.js'), '.js', [...wanted.get(name)])]),
);
// What an entry needs of another one is exported there, undeclared where it is nobody else's affair.
for (const { foreign } of scripts.values()) {
  for (const [from, needed] of foreign) {
    const of = scripts.get(/^\.\.\/([\w-]+)\/index\.js$/.exec(from)?.[1]);
    for (const name of of === undefined ? [] : needed) of.exported.add(name);
  }
}
for (const [name, files] of scripts) {
  mkdirSync(join(dist, name), { recursive: true });
  const clock = 'const monotonic = () => performance.now();\n';
  const { code } = await minify(clock + script(files).replaceAll('performance.now()', 'monotonic()'), {
    module: true,
    compress: { passes: 3, ecma: 2022 },
    mangle: { toplevel: true, props: { regex: `^(?:${inside.join('|')})$` } },
  });
  writeFileSync(join(dist, name, 'index.js'), `${code}\n`);
  const declared = declarations(gather(join(compiled, name, 'index.d.ts'), '.d.ts'));
  writeFileSync(join(dist, name, 'index.d.ts'), slim(declared));
}
rmSync(compiled, { recursive: true });
// Only what is of an older build goes: another build at the same time, or a program that loads it, finds its files.
const ours = new Set(names.flatMap((name) => ['index.js', 'index.d.ts'].map((file) => join(dist, name, file))));
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (entry.isFile() && !ours.has(file)) rmSync(file, { force: true });
}
