import type { Egress } from '../../src/egress/index.js';
import { type EgressOptions, openEgress } from '../support/egress.js';

const egresses: Egress[] = [];

afterEach(async () => {
  await Promise.all(egresses.splice(0).map((egress) => egress.onApplicationShutdown()));
});

function opened(options: EgressOptions): Egress {
  const egress = openEgress(options);
  egresses.push(egress);
  return egress;
}

describe('E-01: a name', () => {
  it('is looked up before it is stored, where only listed networks allow it', async () => {
    const lookUps: string[] = [];
    const named = (host: string, addresses: readonly string[]) =>
      [host, () => (lookUps.push(host), addresses)] as const;
    const hosts = Object.fromEntries([
      named('billing', ['10.0.0.7']),
      named('both.internal', ['10.0.0.7', '10.0.0.8']),
      named('example.com', ['93.184.216.34']),
      named('torn.example.com', ['10.0.0.7', '93.184.216.34']),
      named('other.internal', ['192.168.0.1']),
      named('nothing.internal', []),
    ]);
    const egress = opened({
      networks: ['10.0.0.0/8'],
      hosts: { ...hosts, 'hanging.internal': () => new Promise(() => undefined) },
    });
    for (const url of ['http://billing:8080/hook', 'https://both.internal:9443/', 'https://both.internal/']) {
      expect([url, egress.checkTarget(url), await egress.lookUpTarget(url)]).toEqual([url, undefined, undefined]);
    }
    expect(lookUps).toHaveLength(3);
    for (const url of [
      ...['http://example.com/', 'https://example.com:2525/', 'http://torn.example.com/', 'http://other.internal/'],
      ...['https://other.internal/', 'http://nothing.internal/', 'http://unknown.example.com/', 'https://unknown/'],
      'http://hanging.internal/',
    ]) {
      expect([url, await egress.lookUpTarget(url)]).toEqual([url, expect.stringMatching(/^must name a host that/)]);
    }
    lookUps.length = 0;
    expect(await egress.lookUpTarget('https://example.com/')).toBeUndefined();
    expect(await opened({ networks: ['127.0.0.0/8'], hosts }).lookUpTarget('http://billing/')).toBeUndefined();
    expect(lookUps).toEqual([]);
  });
});
