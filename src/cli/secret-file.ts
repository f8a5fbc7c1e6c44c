import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandFailure, systemCode } from './failure.js';

/**
 * A new file for what only its owner may read. It is opened before the server is asked for anything, so that nothing is made
 * whose only copy cannot be kept.
 */
export class PrivateFile {
  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
  ) {}

  /** @throws CommandFailure 1 when there is such a file already, or it cannot be made */
  static async create(path: string): Promise<PrivateFile> {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return new PrivateFile(path, await open(path, 'wx', 0o600));
    } catch (error) {
      const code = systemCode(error);
      const reason = code === 'EEXIST' ? 'is there already, and is not overwritten' : `cannot be written (${code})`;
      throw new CommandFailure(1, [`${path}: ${reason}`]);
    }
  }

  /** Writes JSON; on disk when the promise resolves. */
  async writeJson(value: unknown): Promise<void> {
    await this.handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await this.handle.sync();
    await this.handle.close();
  }

  /** Takes the file back. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(this.path, { force: true });
  }
}
