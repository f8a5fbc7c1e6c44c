import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { isDatabaseUnavailable } from './database-unavailable.js';

describe('isDatabaseUnavailable', () => {
  it('tells a missing socket from a missing file', async () => {
    const path = `${import.meta.dirname}/not-there`;
    const ofSocket = await new Promise((resolve) => connect({ path }).once('error', resolve));
    const ofFile = await readFile(path).catch((error: unknown) => error);
    for (const error of [ofSocket, ofFile]) expect(error).toMatchObject({ code: 'ENOENT' });
    expect([ofSocket, ofFile].map(isDatabaseUnavailable)).toEqual([true, false]);
    expect(isDatabaseUnavailable(new Error('lost', { cause: ofSocket }))).toBe(true);
  });
});
