import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfig } from './config/index.js';
import { greeting } from './greeting.js';

const { config } = loadConfig({ PORT: '3000' });

describe('greeting', () => {
  it('says where the server is, and nothing else after the first start', () => {
    expect(greeting(config, { kind: 'done' }, '/srv')).toEqual(['Signet is ready at http://localhost:3000']);
  });

  it('names the client of the environment', () => {
    expect(greeting(config, { kind: 'environment', clientId: 'operator' }, '/srv')).toEqual([
      'Signet is ready at http://localhost:3000',
      'The admin client operator was made from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.',
    ]);
  });

  it('shows the path of generated credentials as short as it goes', () => {
    for (const kind of ['generated', 'unused'] as const) {
      const shown = (path: string) => greeting(config, { kind, clientId: 'admin', path }, '/srv/signet')[1];
      expect(shown('/srv/signet/data/x.json')).toBe('The credentials of the admin client are in data/x.json');
      expect(shown('/var/lib/signet/x.json')).toBe('The credentials of the admin client are in /var/lib/signet/x.json');
    }
  });

  describe('the command', () => {
    let directory: string;

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'signet-greeting-'));
    });

    afterEach(() => rmSync(directory, { recursive: true, force: true }));

    it.each(['data', 'my data', `it's "quoted" $HOME \`x\` \\`])(
      'works when pasted, with credentials in %s',
      (name) => {
        const path = join(directory, 'x', name, 'bootstrap-client.json');
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, JSON.stringify({ client_id: 'admin', client_secret: 'signet_cs_1' }));
        for (const from of [join(directory, 'x'), tmpdir()]) {
          const command = greeting(config, { kind: 'generated', clientId: 'admin', path }, from)[3] ?? '';
          // What curl would be given, one a line.
          const script = command.replace('curl', String.raw`printf '%s\n'`);
          const words = execFileSync('/bin/sh', ['-c', script], { cwd: from }).toString().split('\n');
          expect(words.slice(1, 3)).toEqual(['-u', 'admin:signet_cs_1']);
          expect(command).toMatch(/ -d grant_type=client_credentials http:\/\/localhost:3000\/oauth\/token$/);
        }
      },
    );
  });
});
