import { PassThrough } from 'node:stream';
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

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function signet(
  args: readonly string[],
  more: { readonly variables?: Record<string, string>; readonly programs?: Partial<typeof programs> } = {},
): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const shell = {
    variables: { SIGNET_URL: 'http://localhost:9', ...more.variables },
    stdout,
    stderr,
    version: '1.2.3',
  };
  const code = await runCommandLine(args, shell, { ...programs, ...more.programs });
  const text = (stream: PassThrough) => ((stream.read() as Buffer | null) ?? '').toString();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

describe('signet', () => {
  it.each([
    ['', ['clients', 'secrets', 'scopes', 'keys', 'token', 'tokens', 'audit', 'doctor', 'migrate', 'kek', 'bootstrap']],
    [
      'clients',
      ['list', 'get', 'create', 'update', 'disable', 'enable', 'delete', 'regenerate-secret', 'revoke-tokens'],
    ],
    ['secrets', ['list', 'regenerate', 'delete']],
    ['scopes', ['list', 'create', 'update', 'delete']],
    ['keys', ['list', 'rotate', 'revoke']],
    ['tokens', ['list', 'revoke']],
    ['audit', ['list', 'export', 'verify']],
    ['kek', ['rotate']],
  ])('%s --help names its commands', async (group, commands) => {
    const { code, stdout } = await signet([group, '--help'].filter(Boolean));
    expect(code).toBe(0);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command}( |$)`, 'm'));
    expect(stdout).toContain('--json');
  });

  it('tells its version', async () => {
    expect(await signet(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it.each([
    [[]],
    [['frob']],
    [['clients']],
    [['clients', 'get']],
    [['clients', 'list', '--limit', '0']],
    [['clients', 'list', '--limit', 'many']],
    [['clients', 'create', '--access-token-ttl', 'long']],
    [['clients', 'create', '--file', '/nowhere/client.json']],
    [['clients', 'update', 'billing']],
    [['clients', 'regenerate-secret', 'billing', '--overlap', '-1']],
    [['secrets']],
    [['secrets', 'list']],
    [['secrets', 'regenerate', 'billing', '--overlap', 'long']],
    [['secrets', 'delete', 'billing']],
    [['scopes', 'update', 'read:x']],
    [['audit', 'list', '--success', '--failure']],
    [['audit', 'export', '--format', 'xml']],
    [['bootstrap']],
    [['--url', 'http://auth.example', 'keys', 'list']],
    [['--url', 'https://admin:secret@auth.example', 'keys', 'list']],
  ])('answers the wrong usage %j with 2, on stderr', async (args) => {
    const { code, stdout, stderr } = await signet(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });

  it('takes no secret on the command line, and does not repeat one that was tried', async () => {
    const { code, stderr } = await signet(['--client-secret=canary-7f3', 'clients', 'list']);
    expect(code).toBe(2);
    expect(stderr).not.toContain('canary');
  });

  it.each([
    [{ SIGNET_CLIENT_ID: 'a', SIGNET_CLIENT_SECRET: 'b' }, 'cannot be reached (ECONNREFUSED)'],
    [{}, 'cannot be reached (ECONNREFUSED)'],
  ])('answers 3 when there is no server', async (variables, message) => {
    const { code, stdout, stderr } = await signet(['clients', 'list'], { variables });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(message);
  });

  it.each([
    [{}, 'no credentials'],
    [{ SIGNET_CLIENT_ID: 'a' }, 'SIGNET_CLIENT_SECRET'],
    [{ SIGNET_CLIENT_SECRET: 'canary-7f3' }, 'SIGNET_CLIENT_ID'],
  ])('answers 4 without credentials', async (variables, message) => {
    const { code, stderr } = await signet(['token'], { variables: { DATA_DIR: '/nowhere', ...variables } });
    expect(code).toBe(4);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('canary');
  });

  it.each([
    ['keys', 'revoke', `-${'a'.repeat(42)}`, '--reason', 'a drill'],
    ['keys', 'revoke', '--reason', 'a drill', `--${'a'.repeat(41)}`],
    ['keys', 'revoke', '--', `-${'a'.repeat(42)}`],
  ])('takes the name of a key for an option in no case: %s %s %s %s', async (...args) => {
    const credentials = { SIGNET_CLIENT_ID: 'admin', SIGNET_CLIENT_SECRET: 'x' };
    expect(await signet(args, { variables: credentials })).toMatchObject({ code: 3 });
  });

  it('hands the commands of the database on', async () => {
    const asked: unknown[] = [];
    const note =
      (name: string) =>
      (...args: unknown[]): Promise<void> => {
        asked.push([name, ...args]);
        return Promise.resolve();
      };
    const noted = Object.fromEntries(Object.keys(programs).map((name) => [name, note(name)])) as typeof programs;
    for (const args of [
      ['migrate'],
      ['kek', 'rotate'],
      ['doctor', '--json'],
      ['bootstrap', '--new-admin', '--client-id', 'rescue'],
      ['audit', 'verify', '--checkpoint', 'a', '--checkpoint', 'b', '--export', 'log.ndjson', '--json'],
    ]) {
      expect(await signet(args, { programs: noted })).toEqual({ code: 0, stdout: '', stderr: '' });
    }
    expect(asked).toEqual([
      ['migrate'],
      ['rotateKek'],
      ['doctor', { json: true }],
      ['newAdministrator', { clientId: 'rescue', secretFile: undefined, json: false }],
      ['verifyAudit', ['--checkpoint', 'a', '--checkpoint', 'b', '--export', 'log.ndjson', '--json']],
    ]);
  });
});
