import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DebianPostgres, postgresTools } from '../support/debian-postgres.js';
import { blocksOf } from '../support/guide.js';
import { asClone, runGuide, writeCommands } from '../support/guide-run.js';
import { redisAvailable, startRedis } from '../support/redis.js';
import { freePort } from '../support/server.js';
import { ServerBuild } from '../support/server-process.js';

const page = 'run-in-production.md';
const guide = join(dirname(dirname(import.meta.dirname)), 'docs', 'guides', page);

describe('the guide to production', () => {
  const title = 'does what it says, backup and restore included';
  const bin = postgresTools();
  const isComplete = bin !== undefined && redisAvailable();
  if (!isComplete && process.env['CI'] !== 'true') {
    it.todo(`${title} (apt-get install postgresql redis-server)`);
    return;
  }

  it(
    title,
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'signet-guide-'));
      const postgres = await DebianPostgres.start(bin ?? '', 'password');
      const redis = await startRedis();
      const build = new ServerBuild();
      try {
        const commands = join(directory, 'bin');
        writeCommands(commands, build);
        asClone(join(directory, 'clone'));
        const shown: Readonly<Record<string, string>> = {
          'postgresql://signet:password@db.example.com/signet?sslmode=verify-full': postgres.url,
          'rediss://:password@redis.example.com:6380': redis.url,
          '8080': String(await freePort()),
        };
        const replace = (text: string) =>
          Object.entries(shown).reduce((replaced, [name, value]) => replaced.replaceAll(name, value), text);
        const surroundings = { directory: join(directory, 'clone'), bin: `${commands}:${bin}`, env: {}, replace };
        expect(await runGuide(page, blocksOf(guide), surroundings)).toEqual([]);
      } finally {
        await build.close();
        await redis.stop();
        await postgres.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
