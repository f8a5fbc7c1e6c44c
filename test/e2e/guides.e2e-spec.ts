import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { blocksOf } from '../support/guide.js';
import { asClone, ensureSdk, runGuide, writeCommands } from '../support/guide-run.js';
import { freePort } from '../support/server.js';
import { ServerBuild, type ServerProcess } from '../support/server-process.js';

const project = dirname(dirname(import.meta.dirname));
const guides = join(project, 'docs', 'guides');
const pages = readdirSync(guides).filter((name) => name.endsWith('.md') && name !== 'README.md');

/** It has a database of its own: guides-production.e2e-spec.ts. */
const production = 'run-in-production.md';

/** Blocks that are shown and not run, `sh no-run`: each is one too many. */
const notRun = 1;

let build: ServerBuild;
let server: ServerProcess;
let directory: string;
let ports: Readonly<Record<string, string>>;

beforeAll(async () => {
  ensureSdk();
  build = new ServerBuild();
  directory = mkdtempSync(join(tmpdir(), 'signet-guides-'));
  writeCommands(join(directory, 'bin'), build);
  const entries = ['3000', '8080', '8081'].map(async (shown) => [shown, String(await freePort())] as const);
  ports = Object.fromEntries(await Promise.all(entries));
  mkdirSync(join(directory, 'server'));
  server = await build.start({ cwd: join(directory, 'server'), env: { PORT: ports['3000'] ?? '' } }).ready();
}, 240_000);

afterAll(async () => {
  await server.stop();
  await build.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the guides', () => {
  it.each(pages.filter((page) => page !== production))(
    '%s: does what it says',
    async (page) => {
      const cwd = join(directory, page.replace(/\.md$/, ''));
      asClone(cwd);
      symlinkSync(join(directory, 'server', 'data'), join(cwd, 'data'));
      const { 3000: port = '', 8080: api = '' } = ports;
      const url = `http://localhost:${port}`;
      const env = { SIGNET_URL: url, ISSUER: url, PORT: api, API_URL: `http://localhost:${api}` };
      const replace = (text: string) => text.replaceAll(/\b(3000|8080|8081)\b/g, (shown) => ports[shown] ?? shown);
      const surroundings = { directory: cwd, bin: join(directory, 'bin'), env, replace };
      expect(await runGuide(page, blocksOf(join(guides, page)), surroundings)).toEqual([]);
    },
    240_000,
  );

  it('show few commands that are not run, and none in another way', () => {
    const blocks = pages.flatMap((page) => blocksOf(join(guides, page)));
    expect(blocks.filter(({ info }) => info === 'sh no-run')).toHaveLength(notRun);
    const known = ['sh', 'sh no-run', 'text', 'json', 'yaml', 'ts', 'js', 'py', 'go', 'http', 'nginx', 'apache'];
    expect(blocks.map(({ info }) => info).filter((info) => !known.includes(info))).toEqual([]);
  });

  it('are all in their index', () => {
    const index = readFileSync(join(guides, 'README.md'), 'utf8');
    expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });
});
