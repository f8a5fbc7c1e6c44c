import { parsePostmasterPid } from './postmaster-pid.js';

const READY = '4538\n/data/postgres\n1795272137\n5432\n/tmp/signet-1\n\n 16039949        10\nready   \n';

describe('parsePostmasterPid', () => {
  it('reads the process id, the socket directory and the status', () => {
    expect(parsePostmasterPid(READY)).toEqual({ pid: 4538, socketDirectory: '/tmp/signet-1', status: 'ready' });
  });

  it('reads a file that PostgreSQL has only begun', () => {
    expect(parsePostmasterPid('4538\n/data/postgres\n1795272137\n')).toEqual({
      pid: 4538,
      socketDirectory: undefined,
      status: undefined,
    });
  });

  it('reads the negative process id of single-user mode', () => {
    expect(parsePostmasterPid('-4538\n/data/postgres\n')).toMatchObject({ pid: 4538 });
  });

  it.each(['', '\n', 'x\n', '0\n', '1.5\n'])('takes %j for no file at all', (text) => {
    expect(parsePostmasterPid(text)).toBeUndefined();
  });
});
