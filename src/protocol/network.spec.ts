import { type Cidr, cidrContains, parseCidr } from './network.js';

function networks(...texts: string[]): Cidr[] {
  return texts.map((text) => {
    const network = parseCidr(text);
    if (network === null) throw new Error(`${text} is no network`);
    return network;
  });
}

describe('RFC 4632 §3.1, RFC 4291 §2.3 networks', () => {
  it.each([
    '10.0.0.0/8',
    '192.0.2.1/32',
    '0.0.0.0/0',
    '::/0',
    '::1/128',
    '2001:db8::/32',
    '2001:DB8::/33',
    '::ffff:10.0.0.0/104',
  ])('takes %s', (text) => {
    expect(parseCidr(text)).not.toBeNull();
  });

  it.each([
    ['nothing', ''],
    ['no prefix', '10.0.0.1'],
    ['an empty prefix', '10.0.0.0/'],
    ['no address', '/8'],
    ['a prefix too long', '10.0.0.0/33'],
    ['a prefix too long', '::/129'],
    ['a negative prefix', '10.0.0.0/-1'],
    ['a leading zero in the prefix', '10.0.0.0/08'],
    ['a netmask', '10.0.0.0/255.0.0.0'],
    ['two prefixes', '10.0.0.0/8/8'],
    ['bits behind the prefix', '10.1.2.3/8'],
    ['bits behind the prefix', '2001:db8::1/32'],
    ['three parts', '10.0.0/8'],
    ['octal', '010.0.0.0/8'],
    ['hexadecimal', '0x0a000000/8'],
    ['one number', '167772160/8'],
    ['a part too large', '256.0.0.0/8'],
    ['a zone', 'fe80::%eth0/10'],
    ['a blank', ' 10.0.0.0/8'],
    ['a host name', 'localhost/8'],
    ['nonsense', ':::/8'],
    ['L-07: a long text', `${'1'.repeat(100_000)}/8`],
  ])('refuses %s', (_, text) => {
    expect(parseCidr(text)).toBeNull();
  });

  it.each<[boolean, string[], string]>([
    [true, ['10.0.0.0/8'], '10.255.255.255'],
    [false, ['10.0.0.0/8'], '11.0.0.0'],
    [true, ['192.0.2.7/32'], '192.0.2.7'],
    [false, ['192.0.2.7/32'], '192.0.2.8'],
    [true, ['192.0.2.0/24', '2001:db8::/32'], '2001:db8:ffff::1'],
    [false, ['2001:db8::/32'], '2001:db9::1'],
    [true, ['10.0.0.0/8'], '::ffff:10.1.2.3'],
    [true, ['10.0.0.0/8'], '::ffff:a01:203'],
    [false, ['10.0.0.0/8'], '::10.1.2.3'],
    [false, ['10.0.0.0/8'], '::a01:203'],
    [false, ['10.0.0.0/8'], '::ffff:012.1.2.3'],
    [true, ['64:ff9b::/96'], '64:ff9b::10.1.2.3'],
    [true, ['::ffff:10.0.0.0/104'], '10.1.2.3'],
    [true, ['::ffff:10.0.0.0/104'], '::ffff:10.1.2.3'],
    [true, ['0.0.0.0/0'], '203.0.113.9'],
    [false, ['0.0.0.0/0'], '2001:db8::1'],
    [true, ['::/0'], '2001:db8::1'],
    [false, ['::/0'], '10.0.0.1'],
    [false, ['::/0'], '::ffff:10.0.0.1'],
    [false, ['::/0', '0.0.0.0/0'], '::ffff:10.0.0.1.2'],
    [false, ['::/0', '0.0.0.0/0'], '::ffff:::ffff:10.0.0.1'],
    [true, ['127.0.0.0/8', '::1/128'], '::1'],
    [false, [], '10.0.0.1'],
    [false, ['0.0.0.0/0', '::/0'], 'localhost'],
    [false, ['0.0.0.0/0', '::/0'], ''],
    [false, ['10.0.0.0/8'], '012.0.0.1'],
    [false, ['fe80::/10'], 'fe80::1%eth0'],
  ])('%s: %j holds %s', (expected, list, address) => {
    expect(cidrContains(networks(...list), address)).toBe(expected);
  });
});
