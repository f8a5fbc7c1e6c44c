import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the document tells of the project. */
export interface Project {
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** Reads the package.json that is nearest to this file, compiled or not. */
export function readProject(): Project {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Project;
}
