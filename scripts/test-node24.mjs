// `npm run test:node24`: builds and starts the server, gets a token and runs the e2e and conformance tests, or those that are named
// behind it, all on Node.js 24. The binary comes from npm, into a temporary directory.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { fail, freePort, outputOf, plainEnvironment, run, runScript, say, startServer } from './support/commands.mjs';

const project = dirname(import.meta.dirname);
const major = 24;
const named = process.argv.slice(2);
const paths = named.length > 0 ? named : ['test/e2e/', 'test/conformance/'];

/** Tests that hang are tests that fail. */
const TEST_LIMIT_MS = 40 * 60 * 1000;

await runScript('signet-node24', async (directory) => {
  const node = await installNode(directory);
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  say('build');
  await run(node, [join(project, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build'], { cwd: project, env });
  await tryServer(node, directory, env.PATH);
  say(`tests: ${paths.join(' ')}`);
  const jest = join(project, 'node_modules', 'jest', 'bin', 'jest.js');
  await run(node, [jest, ...paths], { cwd: project, env, timeout: TEST_LIMIT_MS });
});

/** @returns the path of the binary */
async function installNode(directory) {
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${system}-${process.arch}`;
  say(`install ${name}@${major}`);
  const install = [
    'install',
    '--prefix',
    directory,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `${name}@${major}`,
  ];
  await run('npm', install, { cwd: directory, env: plainEnvironment(process.env.HOME) });
  const node = join(directory, 'node_modules', name, 'bin', system === 'win' ? 'node.exe' : 'node');
  if (!existsSync(node)) fail(`the package ${name} does not hold bin/node`);
  const version = (await outputOf(node, ['--version'])).trim();
  if (!version.startsWith(`v${major}.`)) fail(`asked for Node.js ${major}, got ${version}`);
  say(`Node.js ${version}`);
  return node;
}

/** Starts the server as `npm start` does, gets a token and verifies it. */
async function tryServer(node, directory, path) {
  const port = await freePort();
  const dataDir = join(directory, 'data');
  const env = plainEnvironment(directory, { PORT: String(port), DATA_DIR: dataDir, PATH: path });
  // In a directory of its own: the `.env` of a developer is not part of this.
  const server = await startServer(node, [join(project, 'scripts', 'start.mjs')], { port, cwd: directory, env });
  const issuer = `http://localhost:${port}`;
  const { client_id: id, client_secret: secret } = JSON.parse(
    readFileSync(join(dataDir, 'bootstrap-client.json'), 'utf8'),
  );
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  if (response.status !== 200) fail(`POST /oauth/token answered ${response.status}`);
  const { access_token: token } = await response.json();
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(token, keys, { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['RS256'] });
  if (payload.client_id !== id) fail('the token is not that of the client that asked for it');
  say('a token was issued and verified');
  await server.stop();
}
