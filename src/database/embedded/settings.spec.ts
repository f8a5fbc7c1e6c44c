import { initdbArguments, postmasterArguments } from './settings.js';

const PLAN = {
  directory: '/data/postgres',
  directoryForChild: '/proc/self/fd/4',
  socketDirectory: '/tmp/signet-1',
  supervisor: 7,
  settings: {},
};

describe('postmasterArguments', () => {
  it('names the cluster and its holder, opens no port, and is durable', () => {
    const args = postmasterArguments(PLAN);
    expect(args.slice(0, 2)).toEqual(['-D', '/proc/self/fd/4']);
    expect(args).toEqual(
      expect.arrayContaining([
        'signet.data_directory=/data/postgres',
        'signet.supervisor=7',
        'listen_addresses=',
        'unix_socket_directories=/tmp/signet-1',
        'fsync=on',
        'synchronous_commit=on',
        'full_page_writes=on',
      ]),
    );
  });

  it('gives way to the settings it is told, but for the socket', () => {
    const args = postmasterArguments({ ...PLAN, settings: { fsync: 'off', unix_socket_directories: '/elsewhere' } });
    expect(args).toContain('fsync=off');
    expect(args).not.toContain('fsync=on');
    expect(args).toContain('unix_socket_directories=/tmp/signet-1');
  });
});

describe('initdbArguments', () => {
  it('waits for the disk unless the settings do without', () => {
    expect(initdbArguments('/x', {})).not.toContain('--no-sync');
    expect(initdbArguments('/x', { fsync: 'off' })).toContain('--no-sync');
  });
});
