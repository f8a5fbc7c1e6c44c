import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parseDeclaration } from './declaration.js';
import { runCommandLine } from './program.js';

const nothing = () => Promise.reject(new Error('not asked for'));
const programs = {
  migrate: nothing,
  rotateKek: nothing,
  newAdministrator: nothing,
  verifyAudit: nothing,
  pruneAudit: nothing,
  doctor: nothing,
};
const client = {
  client_id: 'billing',
  client_name: 'Billing',
  grant_types: ['client_credentials'],
  scope: 'openid a:b',
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-import-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function signet(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  // No server is there, and none is asked.
  const shell = { variables: { SIGNET_URL: 'http://localhost:9' }, stdout, stderr, version: '1.2.3' };
  const code = await runCommandLine(['import', ...args], shell, programs);
  const text = (stream: PassThrough) => ((stream.read() as Buffer | null) ?? '').toString();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('signet import', () => {
  const leftOut = '- billing: the scope openid (is about people who sign in)\n';
  const summary = '1 scope and 1 client taken, 1 thing left out\n';

  it('prints a declaration that signet apply reads, and beside it what was left out', async () => {
    const { code, stdout, stderr } = await signet('--from', 'hydra', file('a.json', JSON.stringify([client])));
    expect([code, stderr]).toEqual([0, leftOut + summary]);
    expect(parseDeclaration(stdout, 'stdout')).toMatchObject({
      scopes: [{ name: 'a:b' }],
      clients: [{ clientId: 'billing', members: { client_name: 'Billing', scope: 'a:b' } }],
    });
  });

  it('writes it to a new file, and never over one', async () => {
    const [from, out] = [file('b.json', JSON.stringify(client)), join(directory, 'b.yaml')];
    expect(await signet('--from', 'hydra', from, '--out', out)).toEqual({
      code: 0,
      stdout: `${leftOut}${summary}The declaration is in ${out}: signet plan -f ${out}\n`,
      stderr: '',
    });
    const written = readFileSync(out, 'utf8');
    expect(parseDeclaration(written, out).clients).toHaveLength(1);
    const again = await signet('--from', 'hydra', from, '--out', out);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is not overwritten') as string });
    expect(readFileSync(out, 'utf8')).toBe(written);
  });

  it('writes nothing with --dry-run', async () => {
    const from = file('c.json', JSON.stringify([client]));
    const { code, stdout, stderr } = await signet(
      '--from',
      'hydra',
      from,
      '--dry-run',
      '--out',
      join(directory, 'c.yaml'),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`+ scope a:b\n+ client billing\n${leftOut}${summary}`);
    expect(() => readFileSync(join(directory, 'c.yaml'))).toThrow('ENOENT');
  });

  it('says it all as JSON', async () => {
    const { stdout } = await signet('--from', 'hydra', file('d.json', JSON.stringify([client])), '--json');
    expect(JSON.parse(stdout)).toEqual({
      declaration: {
        scopes: [{ name: 'a:b' }],
        clients: [{ client_id: 'billing', client_name: 'Billing', scope: 'a:b' }],
      },
      left_out: [{ of: 'billing', what: 'the scope openid', why: 'is about people who sign in' }],
    });
  });

  it.each([
    ['another server', ['--from', 'okta', 'x.json'], 2, '--from: must be keycloak or hydra'],
    ['no server', ['x.json'], 2, '--from'],
    ['a name of every object', ['--from', 'toString', 'x.json'], 2, '--from: must be'],
    ['a file that is not there', ['--from', 'hydra', 'x.json'], 2, 'x.json: cannot be read (ENOENT)'],
  ])('refuses %s', async (_, args, code, message) => {
    const outcome = await signet(...args);
    expect([outcome.code, outcome.stdout]).toEqual([code, '']);
    expect(outcome.stderr).toContain(message);
  });

  it('refuses what is no JSON, and an export of another server', async () => {
    expect(await signet('--from', 'hydra', file('e.json', '{'))).toMatchObject({ code: 2, stdout: '' });
    const other = await signet('--from', 'keycloak', file('f.json', JSON.stringify([client])));
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('as keycloak exports them') as string });
  });

  it('shows text of strangers without what a terminal obeys', async () => {
    const from = file('g.json', JSON.stringify({ ...client, scope: 'a\u001b[31m' }));
    const { stdout } = await signet('--from', 'hydra', from, '--dry-run');
    expect(stdout).toContain('the scope a\\u001b[31m');
  });
});
