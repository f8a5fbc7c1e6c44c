import { locate } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

describe('locate', () => {
  it('finds the package of this machine', async () => {
    expect(await locate(process.platform, process.arch)).toMatchObject({ version: expect.stringMatching(/^18\./) });
  });

  it.each([
    ['win32', 'x64'],
    ['linux', 'riscv64'],
  ])('says what to do on %s-%s', async (platform, arch) => {
    const answer = locate(platform, arch);
    await expect(answer).rejects.toBeInstanceOf(EmbeddedPostgresError);
    await expect(answer).rejects.toThrow(/set DATABASE_URL/);
  });
});
