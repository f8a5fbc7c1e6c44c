import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { transformSync } from '@swc/core';

const project = join(import.meta.dirname, '..', '..');
const source = join(project, 'src', 'database', 'embedded');

export const projectNodeModules = join(project, 'node_modules');

export function compileEmbedded(directory, nodeModules = projectNodeModules) {
  const target = join(directory, 'embedded');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  for (const name of readdirSync(source)) {
    if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue;
    const { code } = transformSync(readFileSync(join(source, name), 'utf8'), {
      filename: name,
      swcrc: false,
      configFile: false,
      module: { type: 'es6' },
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    });
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), code);
  }
  if (!existsSync(join(directory, 'node_modules'))) symlinkSync(nodeModules, join(directory, 'node_modules'));
  return join(target, 'index.js');
}
