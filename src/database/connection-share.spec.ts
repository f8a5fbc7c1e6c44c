import { connectionShare, serverConnections } from './connection-share.js';

describe('the connections of each process', () => {
  it.each([
    [1, { hot: 4, typeOrm: 10 }],
    [2, { hot: 4, typeOrm: 10 }],
    [4, { hot: 3, typeOrm: 4 }],
    [8, { hot: 2, typeOrm: 3 }],
    [64, { hot: 2, typeOrm: 3 }],
  ])('of %i', (processes, share) => {
    expect(connectionShare(processes)).toEqual(share);
  });

  it('fit into the usual 100 of PostgreSQL up to 4 processes', () => {
    for (let processes = 1; processes <= 4; processes += 1) expect(serverConnections(processes)).toBe(100);
    expect(serverConnections(5)).toBe(103);
    expect(serverConnections(64)).toBe(988);
  });
});
