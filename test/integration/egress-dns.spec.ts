import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemResolver } from '../../src/egress/resolver.js';

/** What the DNS says of a name: IPv4 addresses; none: it does not exist. */
type Answer = readonly string[] | 'silence' | 'failure' | 'refused';

let directory: string;
let dns: Socket;
let asked: string[];
let askedSystem: string[];
let zone: Record<string, Answer>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signet-names-'));
  [asked, askedSystem, zone] = [[], [], {}];
  dns = await openDns();
});

afterEach(async () => {
  dns.close();
  await rm(directory, { recursive: true, force: true });
});

async function resolverOf(files: { hosts?: string; resolver?: string } = {}): Promise<SystemResolver> {
  const [hostsFile, resolverFile] = [join(directory, 'hosts'), join(directory, 'resolv.conf')];
  await writeFile(hostsFile, files.hosts ?? '');
  await writeFile(resolverFile, files.resolver ?? '');
  return new SystemResolver({
    hostsFile,
    resolverFile,
    servers: [`127.0.0.1:${dns.address().port}`],
    systemLookUp: (hostname) => {
      askedSystem.push(hostname);
      return hostname === 'printer.local' ? Promise.resolve(['10.0.0.9']) : Promise.reject(new Error('ENOTFOUND'));
    },
  });
}

it('E-01: names that the DNS never answers keep no other name waiting, and hold no thread', async () => {
  const silent = Array.from({ length: 20 }, (_, index) => `hook${index}.example.com`);
  zone = { ...Object.fromEntries(silent.map((name) => [name, 'silence'])), 'good.example.com': ['93.184.216.34'] };
  const resolver = await resolverOf();
  const order: string[] = [];
  const failing = silent.map((name) =>
    expect(resolver.resolve(name).finally(() => order.push(name))).rejects.toThrow(),
  );
  expect(await resolver.resolve('good.example.com').finally(() => order.push('good'))).toEqual(['93.184.216.34']);
  await Promise.all(failing);
  expect(order[0]).toBe('good');
  expect(askedSystem).toEqual([]);
});

it('E-01: a name is asked for anew each time, whatever its lifetime', async () => {
  zone = { 'rebind.example.com': ['93.184.216.34'] };
  const resolver = await resolverOf();
  expect(await resolver.resolve('rebind.example.com')).toEqual(['93.184.216.34']);
  zone = { 'rebind.example.com': ['127.0.0.1', '10.0.0.1'] };
  expect(await resolver.resolve('rebind.example.com')).toEqual(['127.0.0.1', '10.0.0.1']);
});

it('knows localhost and what is below it without asking anybody', async () => {
  const resolver = await resolverOf();
  for (const name of ['localhost', 'app.localhost']) expect(await resolver.resolve(name)).toEqual(['127.0.0.1', '::1']);
  const strict = await resolverOf({ hosts: '127.0.0.1 localhost\n' });
  for (const name of ['localhost', 'app.localhost']) expect(await strict.resolve(name)).toEqual(['127.0.0.1']);
  expect([...asked, ...askedSystem]).toEqual([]);
});

it('takes the hosts file first, as it is now', async () => {
  zone = { 'billing.example.com': ['93.184.216.34'] };
  const resolver = await resolverOf({
    hosts: '# 10.0.0.1 other\n10.0.0.7\tBilling.example.com billing # here\nfd00::7 billing\n',
  });
  expect(await resolver.resolve('billing.example.com')).toEqual(['10.0.0.7']);
  expect(await resolver.resolve('billing')).toEqual(['10.0.0.7', 'fd00::7']);
  expect(asked).toEqual([]);
  await writeFile(join(directory, 'hosts'), '10.0.0.8 billing\n');
  expect(await resolver.resolve('billing')).toEqual(['10.0.0.8']);
  expect(await resolver.resolve('billing.example.com')).toEqual(['93.184.216.34']);
});

it('completes a name as the system does, and takes no other for one that is not answered', async () => {
  const resolver = await resolverOf({ resolver: 'search a.internal b.internal.\noptions ndots:2\n' });
  zone = { 'pay.dev.b.internal': ['10.0.0.7'], 'pay.dev': ['93.184.216.34'] };
  expect(await resolver.resolve('pay.dev')).toEqual(['10.0.0.7']);
  zone = { 'pay.dev': ['93.184.216.34'], 'pay.dev.a.internal': 'failure' };
  expect(await resolver.resolve('pay.dev')).toEqual(['93.184.216.34']);
  zone = { 'pay.dev': ['93.184.216.34'], 'pay.dev.a.internal': 'silence' };
  await expect(resolver.resolve('pay.dev')).rejects.toThrow();
  zone = { 'www.pay.dev': ['93.184.216.34'], 'www.pay.dev.a.internal': ['10.0.0.7'] };
  expect(await resolver.resolve('www.pay.dev')).toEqual(['93.184.216.34']);
});

it('asks the system for what the DNS does not know, and only for that', async () => {
  const resolver = await resolverOf();
  zone = { 'broken.example.com': 'failure', 'foreign.example.com': 'refused' };
  expect(await resolver.resolve('printer.local')).toEqual(['10.0.0.9']);
  for (const name of ['unknown.example.com', 'broken.example.com', 'foreign.example.com']) {
    await expect(resolver.resolve(name)).rejects.toThrow();
  }
  expect(askedSystem).toEqual(['printer.local', 'unknown.example.com', 'foreign.example.com']);
});

it('asks the system for two names at a time', async () => {
  let [now, most] = [0, 0];
  const resolver = new SystemResolver({
    servers: [`127.0.0.1:${dns.address().port}`],
    resolverFile: join(directory, 'none'),
    systemLookUp: async (hostname) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return [hostname === 'a.example.com' ? '10.0.0.1' : '10.0.0.2'];
    },
  });
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.example.com`);
  expect((await Promise.all(names.map((name) => resolver.resolve(name)))).flat()[0]).toBe('10.0.0.1');
  expect(most).toBe(2);
});

/** A DNS server that answers as `zone` says, with an hour to live. */
async function openDns(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const labels: string[] = [];
    let end = 12;
    for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
      labels.push(query.toString('latin1', end + 1, end + 1 + length));
      end += length + 1;
    }
    const name = labels.join('.');
    const isA = query.readUInt16BE(end + 1) === 1;
    if (isA) asked.push(name);
    const answer = zone[name];
    if (answer === 'silence') return;
    const code = answer === 'failure' ? 2 : answer === 'refused' ? 5 : answer === undefined ? 3 : 0;
    const records = isA && typeof answer === 'object' ? answer.map(recordOf) : [];
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([head, query.subarray(12, end + 5), ...records]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function recordOf(address: string): Buffer {
  const fixed = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4]);
  return Buffer.concat([fixed, Buffer.from(address.split('.').map(Number))]);
}
