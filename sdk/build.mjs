// Builds the package: minified scripts, and declarations with their comments, both with what entries share in chunks.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, extname, join, parse } from 'node:path';
import { minify } from '@swc/core';
import { format } from 'prettier';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

const sdk = import.meta.dirname;
const dist = join(sdk, 'dist');
const isEntry = (name) => existsSync(join(sdk, 'src', name, 'index.ts'));
/** `exports` of package.json has a pattern for them. */
const entries = readdirSync(join(sdk, 'src')).filter(isEntry);

const minified = {
  name: 'minified',
  renderChunk: async (code) => {
    const { code: short } = await minify(code, {
      module: true,
      // Unsafe for functions that somebody would call with `new`: here that are classes.
      compress: { passes: 3, ecma: 2022, unsafe_arrows: true, unsafe_methods: true },
      mangle: { toplevel: true },
    });
    // One variable that is never set is shorter than each `void 0`.
    return short.includes('$$') ? short : `let $$;${short.replaceAll('void 0', () => '$$')}`;
  },
};
const formatted = {
  name: 'formatted',
  renderChunk: async (code) =>
    compact(
      await format(inlined(code), {
        parser: 'typescript',
        useTabs: true,
        printWidth: 320,
        semi: false,
        objectWrap: 'collapse',
        bracketSpacing: false,
        arrowParens: 'avoid',
      }),
    ),
};

/** No blank lines, and comments without their frame: a line for each paragraph and each tag. One with code in it stays as it is. */
function compact(code) {
  return code
    .replace(/\n+/g, '\n')
    .replace(/\{@link ([\w.]+)\}/g, '`$1`')
    .replace(/\/\*\*\n.*?\*\//gs, (comment) => {
      if (comment.includes('```')) return comment;
      const [, ...lines] = comment.slice(0, -'*/'.length).split(/\s*\n\s*\*? ?/);
      const text = lines
        .join('\n')
        .trim()
        .replace(/\n+(?=@)/g, '\n');
      return `/** ${text.replace(/(?<!\n)\n(?![\n@])/g, ' ')} */`;
    });
}

/** `export` before what is exported, instead of its name in a list at the end. */
function inlined(code) {
  const list = /^export (?:type )?\{ ([^}]*) \};$/gm;
  const names = [...code.matchAll(list)].flatMap(([, listed]) => listed.split(', '));
  let text = code.replace(list, '');
  const elsewhere = names.filter((name) => {
    const declaration = new RegExp(`^(?=(?:declare \\w+|interface|type) ${name}\\b)`, 'gm');
    const exported = text.replace(declaration, 'export ');
    const isElsewhere = exported === text;
    text = exported;
    return isElsewhere;
  });
  // Without any list, TypeScript takes every declaration for exported.
  const needsList = elsewhere.length > 0 || /^(?:declare|interface|type) /m.test(text);
  const short = text.replace(/^export declare /gm, 'export ');
  return needsList ? `${short}\nexport { ${elsewhere.join(', ')} };\n` : short;
}

/** One import of each file: those that are added last come line by line. */
function merged(code) {
  const spaced = /^import \{ (.*) \} from (.*);$/gm;
  const twice = /^import \{(.*)\} from (.*)\nimport \{(.*)\} from \2$/gm;
  return code.replace(spaced, 'import {$1} from $2').replace(twice, 'import {$1, $3} from $2');
}

/** The files made of what was compiled, by their path. */
async function bundled(compiled, extension, ...plugins) {
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((name) => [name, join(compiled, name, `index${extension}`)])),
    external: /^[^./]/,
    plugins,
    treeshake: { moduleSideEffects: 'no-external' },
  });
  const { output } = await bundle.generate({
    entryFileNames: `[name]/index${extension}`,
    chunkFileNames: ({ name }) => `shared/${parse(name).name}${extension}`,
    minifyInternalExports: extension === '.js',
    hoistTransitiveImports: false,
  });
  await bundle.close();
  return output.map(({ fileName, code }) => [join(dist, fileName), merged(code)]);
}

const compiled = mkdtempSync(join(tmpdir(), 'signet-sdk-'));
try {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const options = ['-p', join(sdk, 'tsconfig.build.json'), '--outDir', compiled];
  execFileSync(process.execPath, [compiler, ...options], { stdio: 'inherit' });
  const files = new Map([
    ...(await bundled(compiled, '.js', minified)),
    ...(await bundled(compiled, '.d.ts', dts(), formatted)),
    // sdk/.npmignore is a link to this one: without a build `npm pack` finds nothing there and fails, rather than pack nothing.
    [join(dist, '.npmignore'), ''],
  ]);
  // Another build at the same time, or a program that loads one, finds whole files.
  for (const [file, code] of files) {
    mkdirSync(dirname(file), { recursive: true });
    const written = `${file}.${process.pid}`;
    writeFileSync(written, code);
    renameSync(written, file);
  }
  for (const path of readdirSync(dist, { recursive: true })) {
    const file = join(dist, path);
    const isOfOlderBuild = ['.js', '.ts'].includes(extname(file)) && !files.has(file);
    if (isOfOlderBuild) rmSync(file, { force: true });
  }
} finally {
  rmSync(compiled, { recursive: true });
}
