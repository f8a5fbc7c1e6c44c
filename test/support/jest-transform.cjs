// Jest runs CommonJS here: on Node 20 its ESM mode cannot load the mix of packages that Nest brings.
// TypeScript and ESM-only packages are compiled to CommonJS, everything else passes untouched.
const { createHash } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const swc = require('@swc/core');

const isModulePackage = new Map();

function packageIsModule(directory) {
  const known = isModulePackage.get(directory);
  if (known !== undefined) return known;
  const file = join(directory, 'package.json');
  let answer;
  if (existsSync(file)) {
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    if (manifest.name || manifest.version || manifest.type) answer = manifest.type === 'module';
  }
  const parent = dirname(directory);
  if (answer === undefined) answer = parent === directory ? false : packageIsModule(parent);
  isModulePackage.set(directory, answer);
  return answer;
}

function compile(source, filename, typescript) {
  return swc.transformSync(source, {
    filename,
    swcrc: false,
    configFile: false,
    sourceMaps: 'inline',
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2022',
      keepClassNames: true,
      parser: typescript ? { syntax: 'typescript', decorators: true } : { syntax: 'ecmascript' },
      transform: typescript
        ? { legacyDecorator: true, decoratorMetadata: true, hidden: { jest: true } }
        : { hidden: { jest: true } },
    },
  });
}

module.exports = {
  process(source, filename) {
    if (filename.endsWith('.ts')) return compile(source, filename, true);
    const esm = filename.endsWith('.mjs') || (filename.endsWith('.js') && packageIsModule(dirname(filename)));
    if (esm) {
      // An ESM file may declare these names itself; CommonJS has them already.
      return compile(source.replace(/\b__(dirname|filename)\b/g, '__esm_$1'), filename, false);
    }
    if (source.includes('import(')) return compile(source, filename, false);
    return { code: source };
  },
  getCacheKey(source, filename) {
    return createHash('sha256').update('2').update(swc.version).update(filename).update(source).digest('hex');
  },
};
