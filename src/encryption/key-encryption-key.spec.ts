import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, type KeyConfig, Secret } from '../config/index.js';
import { loadKeyEncryptionKey } from './index.js';

function keyConfig(keyEncryptionKey?: Secret<Buffer>): KeyConfig {
  return { keyEncryptionKey, previousKeyEncryptionKey: undefined, signingAlg: 'RS256', rotationDays: 90 };
}

const unused = () => Promise.resolve(false);

describe('the key-encryption key', () => {
  let parent: string;
  let dataDir: string;
  let file: string;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'kek-'));
    dataDir = join(parent, 'data');
    file = join(dataDir, 'key-encryption-key');
  });

  afterEach(() => rm(parent, { recursive: true, force: true }));

  const load = async () => (await loadKeyEncryptionKey(keyConfig(), dataDir, unused)).reveal();

  async function faultsOf(work: Promise<unknown>): Promise<readonly string[]> {
    const error: unknown = await work.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConfigurationError);
    return error instanceof ConfigurationError ? error.faults.map(({ variable }) => variable) : [];
  }

  it('is the configured one, and then nothing is written', async () => {
    const configured = new Secret(randomBytes(32));
    const key = await loadKeyEncryptionKey(keyConfig(configured), dataDir, unused);
    expect(key.reveal()).toEqual(configured.reveal());
    await expect(readdir(parent)).resolves.toEqual([]);
  });

  it('is not made anew when the database holds keys that the lost one opens', async () => {
    const lost = loadKeyEncryptionKey(keyConfig(), dataDir, () => Promise.resolve(true));
    expect(await faultsOf(lost)).toEqual(['KEY_ENCRYPTION_KEY']);
    await expect(readdir(parent)).resolves.toEqual([]);
  });

  it('is otherwise made in the data directory, readable by its owner alone, and kept', async () => {
    const key = await load();
    expect(key).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, 'utf8')).trim()).toBe(key.toString('base64'));
    await expect(load()).resolves.toEqual(key);
    await expect(readdir(dataDir)).resolves.toEqual(['key-encryption-key']);
  });

  it('is one key for all that start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, load));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
    await expect(readdir(dataDir)).resolves.toEqual(['key-encryption-key']);
  });

  it.each([0o640, 0o604, 0o660, 0o666])('is refused from a file with mode %o', async (mode) => {
    await load();
    await chmod(file, mode);
    await expect(faultsOf(load())).resolves.toEqual(['KEY_ENCRYPTION_KEY']);
  });

  it.each([
    ['nothing', ''],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['another alphabet', Buffer.alloc(32, 255).toString('base64url')],
    ['more than one line', `${Buffer.alloc(32).toString('base64')}\nmore`],
    ['a long text', 'A'.repeat(100_000)],
  ])('is refused from a file that holds %s, which stays as it is', async (_, content) => {
    await load();
    await writeFile(file, content);
    await expect(faultsOf(load())).resolves.toEqual(['KEY_ENCRYPTION_KEY']);
    await expect(readFile(file, 'utf8')).resolves.toBe(content);
  });

  it('is refused from a symbolic link', async () => {
    const key = await load();
    const elsewhere = join(parent, 'elsewhere');
    await writeFile(elsewhere, key.toString('base64'), { mode: 0o600 });
    await rm(file);
    await symlink(elsewhere, file);
    await expect(faultsOf(load())).resolves.toEqual(['KEY_ENCRYPTION_KEY']);
  });

  it('names DATA_DIR where it cannot be written, and no path', async () => {
    await writeFile(dataDir, 'not a directory');
    await expect(faultsOf(load())).resolves.toEqual(['DATA_DIR']);
    await expect(load()).rejects.not.toThrow(parent);
  });
});
