// `npm run test:fresh-clone`: clones what is committed into a temporary directory and does there what the README says: installs
// and starts it, pastes the lines of "First token in one minute" and the command that the server prints, and ends it by
// SIGTERM. Run by root, it does all of it once more as another user. With --with-tests, the last of them also runs `npm test`, on
// the paths that follow, if any.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, freePort, outputOf, plainEnvironment, run, runScript, say, startServer } from './support/commands.mjs';

const project = dirname(import.meta.dirname);
const testsAt = process.argv.indexOf('--with-tests');
const testPaths = testsAt < 0 ? undefined : process.argv.slice(testsAt + 1);

/** Tests that hang are tests that fail. */
const TEST_LIMIT_MS = 15 * 60 * 1000;

/** The account that everybody has and that owns nothing. */
const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 };

/** The two commands at the top of the README; npm takes a moment between them, so they are run one by one. */
const commands = ['npm ci && npm start', 'npm ci && npm test'];

await runScript('signet-fresh-clone', async (directory) => {
  const registry = (await outputOf('npm', ['config', 'get', 'registry'], { cwd: directory })).trim();
  const accounts = process.getuid?.() === 0 ? [undefined, nobody] : [undefined];
  for (const account of accounts) {
    const last = account === accounts.at(-1);
    await tryClone(join(directory, account?.name ?? 'self'), account, registry, last ? testPaths : undefined);
  }
  if (accounts.length === 1) say('not run by root: the ordinary user was tried, root was not');
});

async function tryClone(directory, account, registry, tests) {
  say(`a fresh clone, as ${account?.name ?? 'the user that runs this'}`);
  const home = join(directory, 'home');
  const clone = join(directory, 'signet');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, '.gitconfig'), '[safe]\n\tdirectory = *\n');
  await cloneHead(clone, plainEnvironment(home));
  const port = await freePort(3000);
  const env = plainEnvironment(home, {
    npm_config_registry: registry,
    ...(port === 3000 ? {} : { PORT: String(port) }),
  });
  if (account !== undefined) await give(directory, account);
  const options = { cwd: clone, env, ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }) };
  await run('npm', ['ci', '--no-audit', '--no-fund'], options);
  const readme = readFileSync(join(clone, 'README.md'), 'utf8');
  const server = await startServer('npm', ['start'], { ...options, port });
  await pasteReadme(readme, port, options);
  await pasteGreeting(server.output, options);
  await server.abandon();
  await restart(clone, readme, { ...options, port });
  if (tests !== undefined)
    await run('npm', ['test', '--', ...tests], { ...options, env: { ...env, CI: 'true' }, timeout: TEST_LIMIT_MS });
}

/** What was made at the first start is there after it, and who stops the server itself sees that it ended well. */
async function restart(clone, readme, options) {
  say('once more, without npm in between');
  const server = await startServer(process.execPath, [join('scripts', 'start.mjs')], options);
  if (server.output.includes('curl')) fail('the second start takes itself for the first one');
  await pasteReadme(readme, options.port, options);
  await server.stop();
}

async function cloneHead(clone, env) {
  if ((await outputOf('git', ['-C', project, 'log', '--max-count=1', '--format=%h %s'], { env })) === '') {
    fail('there is no commit to clone');
  }
  if ((await outputOf('git', ['-C', project, 'status', '--porcelain'], { env })) !== '') {
    say('there are changes that are not committed: they are NOT part of this test');
  }
  await run('git', ['clone', '--quiet', '--no-hardlinks', project, clone], { env });
}

/** Hands the directory over, and the way to it, which mkdtemp keeps to its owner. */
async function give(directory, { name, uid, gid }) {
  await run('chmod', ['755', dirname(directory)]);
  await run('chown', ['--recursive', `${uid}:${gid}`, directory]);
  await run(process.execPath, ['--version'], { uid, gid, cwd: '/', stdio: 'ignore' }).catch(() =>
    fail(`${process.execPath} cannot be run by ${name}: install Node.js where every user can reach it`),
  );
}

/** The lines of the README as a reader pastes them; only the port is another one where 3000 is taken. */
async function pasteReadme(readme, port, options) {
  for (const command of commands) {
    if (!readme.split('\n').includes(command)) fail(`README.md does not have the line: ${command}`);
  }
  const section = /^## First token in one minute\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
  const pasted = blocks.filter((block) => !commands.includes(block.trim())).join('\n');
  if (!pasted.includes('/oauth/token')) fail('README.md has no commands that get a token');
  const output = await outputOf('bash', [], {
    ...options,
    input: pasted.replaceAll('localhost:3000', `localhost:${port}`),
  });
  process.stdout.write(output);
  for (const expected of [
    `iss: 'http://localhost:${port}'`,
    "aud: 'https://api.example.com'",
    "scope: 'read:profile'",
  ]) {
    if (!output.includes(expected)) fail(`the lines of the README did not show ${expected}`);
  }
  say('the lines of the README work as they are');
}

/** The `curl` that the first start prints. */
async function pasteGreeting(greeting, options) {
  const line = greeting.split('\n').find((text) => text.trim().startsWith('curl '));
  if (line === undefined) fail('the first start printed no curl');
  const answer = JSON.parse(await outputOf('bash', [], { ...options, input: line }));
  if (typeof answer.access_token !== 'string') fail('the curl that the server printed gave no token');
  say('the curl that the server printed works as it is');
}
