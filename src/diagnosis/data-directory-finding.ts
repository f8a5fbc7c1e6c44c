import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Finding, ok, warn } from './finding.js';

const megabyte = 1024 * 1024;
const limits = { warn: 1024 * megabyte, fail: 128 * megabyte } as const;

/** Files of the data directory that hold a secret. */
const secretFiles = ['key-encryption-key', 'bootstrap-client.json'];

/** Whether the data directory has room, and keeps its secrets; `undefined` where there is none. */
export async function dataDirectoryFinding(dataDir: string): Promise<Finding | undefined> {
  const check = 'data directory';
  if ((await stat(dataDir).catch(() => undefined)) === undefined) return undefined;
  for (const name of secretFiles) {
    const stats = await stat(join(dataDir, name)).catch(() => undefined);
    if (stats !== undefined && process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      return fail(check, `${name} can be read by others`, `Run chmod 600 on it, and replace what it holds.`);
    }
  }
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const message = `${free >= 10 * limits.warn ? `${Math.floor(free / limits.warn)} GB` : `${Math.floor(free / megabyte)} MB`} free`;
  if (free < limits.fail) return fail(check, message, 'Make room: a full disk stops the embedded database.');
  return free < limits.warn
    ? warn(check, message, 'Make room before the embedded database stops.')
    : ok(check, message);
}
