import { randomBytes } from 'node:crypto';
import { chosenSecretRule } from './chosen-secret-rule.js';
import {
  asCidr,
  clientIdRule,
  hostRule,
  integerBetween,
  isLoopback,
  issuerRule,
  keyRule,
  listOf,
  networksRule,
  nodeOptionsRule,
  oneOf,
  type Rule,
  secondsListRule,
  targetNetworksRule,
  urlWithScheme,
} from './rules.js';

/** What each rule takes, and what it refuses. No message may repeat a refused value. */
const table: readonly {
  readonly name: string;
  readonly rule: Rule;
  readonly takes: string[];
  readonly refuses: string[];
}[] = [
  {
    name: 'integerBetween(60, 86400)',
    rule: integerBetween(60, 86_400),
    takes: ['60', '600', '86400', '0060'],
    refuses: ['59', '86401', '-1', '+70', '61.5', '1e3', '0x50', 'abc', '٦٠٠', '1_000', '99999999999', ' 70'],
  },
  {
    name: 'oneOf',
    rule: oneOf('RS256', 'ES256'),
    takes: ['RS256', 'ES256'],
    refuses: ['rs256', 'none', 'HS256', 'RS256,'],
  },
  {
    name: 'hostRule',
    rule: hostRule,
    takes: ['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost', 'auth.example.com', 'a'],
    refuses: [
      'http://localhost',
      'two hosts',
      '-host',
      'host-',
      '[::1]',
      'host:3000',
      '/run/signet.sock',
      'a'.repeat(254),
    ],
  },
  {
    name: 'issuerRule',
    rule: issuerRule,
    takes: [
      ...['https://auth.example.com', 'https://auth.example.com:8443', 'https://example.com/tenant/one'],
      ...['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'http://signet.localhost'],
    ],
    refuses: [
      ...['http://auth.example.com', 'https://auth.example.com/', 'https://auth.example.com/tenant/'],
      ...[
        'https://auth.example.com?tenant=1',
        'https://auth.example.com?',
        'https://auth.example.com#top',
        'https://x.example#',
      ],
      ...['https://user@auth.example.com', 'https://user:password@auth.example.com', 'https://auth.example .com'],
      ...['auth.example.com', '/issuer', 'ftp://auth.example.com', 'https://', 'https:auth.example.com'],
      ...[
        'https://AUTH.example.com',
        'https://auth.example.com:443',
        'https://auth.example.com/../x',
        'HTTPS://auth.example.com',
      ],
      ...['http://127.example.com', 'http://127.0.0.1.example.com', 'http://localhost.example.com', 'http://10.0.0.1'],
    ],
  },
  {
    name: 'urlWithScheme',
    rule: urlWithScheme('postgres', 'postgresql'),
    takes: ['postgres://localhost/signet', 'postgresql://user:pass@db.example/signet?sslmode=verify-full'],
    refuses: ['mysql://localhost/signet', 'localhost/signet', 'postgres', 'http://postgres/', '//localhost'],
  },
  {
    name: 'keyRule',
    rule: keyRule,
    takes: [Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64')],
    refuses: [
      ...[Buffer.alloc(32).toString('base64'), Buffer.alloc(32, 'ab').toString('base64')],
      ...['q83vEjRWeJA', 'A'.repeat(44), `${'k3Jx'.repeat(10)}a-_=`, 'ab'.repeat(32), `${'k3Jx'.repeat(10)}abc=\n`],
    ],
  },
  {
    name: 'clientIdRule',
    rule: clientIdRule,
    takes: ['abc', 'billing-service', 'A.b_c-9', 'x'.repeat(64)],
    refuses: ['ab', 'x'.repeat(65), 'with space', 'a:b', 'a/b', 'käse', '%00abc'],
  },
  {
    name: 'chosenSecretRule',
    rule: chosenSecretRule,
    takes: [
      '9f3c1d2ab84e76055fd0c1e2b7a98364d5f00b1c2e3f4a596877665544332211',
      'kT9vQ2mXw7LbN4sZ8cRf6HjYpD3gUe5A',
      'c29tZSByYW5kb20gYnl0ZXMgaGVyZSE5OTQyMTAx',
    ],
    refuses: [
      ...['kT9vQ2mXw7LbN4sZ8cRf6HjYpD3gUe5', 'kT9vQ2mXw7LbN4sZ 8cRf6HjYpD3gUe5A', 'é'.repeat(40), 'Ab1!'.repeat(80)],
      ...['x'.repeat(40), 'changeme'.repeat(4), 'secret123'.repeat(5), 'ab'.repeat(32), '0'.repeat(64)],
      ...['abcdefghijklmnopqrstuvwxyz0123456789', '9876543210zyxwvutsrqponmlkjihgfedcba', `${'x'.repeat(39)}y`],
      ...[
        'passwordpasswordpasswordpassword1234',
        'qwertyuiopasdfghjklzxcvbnm123456',
        'P@ssw0rd!P@ssw0rd?P@ssw0rd#2024!',
      ],
      ...[
        'this-is-a-very-long-secret-value-123456',
        'super-secret-admin-password-change-me-please',
        'Xy7$Xy7$Xy7$Xy7$Xy7$Xy7$Xy7$Xy7%Q',
      ],
      ...[
        'a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6',
        'drowssaptercesnimdaterces-0987654321',
        '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9',
      ],
      ...['thequickbrownfoxjumpsoverthelazydog', 'my_secret_key_my_secret_key_my_key_2024'],
      ...['0123456789abcdef0123456789abcdef', '0123456789abcdeffedcba9876543210', 'deadbeefdeadbeefcafebabecafebabe'],
    ],
  },
  {
    name: 'networksRule',
    rule: networksRule,
    takes: ['10.0.0.0/8', '10.0.0.1', '10.0.0.0/8, 192.168.1.0/24 ,fd00::/8', '::1', '2001:db8::/32'],
    refuses: [
      ...['0.0.0.0/0', '::/0', '0.0.0.0/1,128.0.0.0/1', '2000::/3', 'true', '1', 'loopback', '10.0.0.0/33', '10.0.0/8'],
      ...['192.0.2.0/', '10.0.0.0/8,', ',', '10.0.0.0/8 192.168.0.0/16', '300.1.1.1', '*'],
    ],
  },
  {
    name: 'targetNetworksRule',
    rule: targetNetworksRule,
    takes: ['10.0.0.0/8', '127.0.0.0/8,::1/128', '169.253.0.0/16'],
    refuses: [
      ...['0.0.0.0/0', '::/0', 'garbage', '169.254.0.0/16', '169.254.169.254', '169.254.169.254/32', '169.0.0.0/8'],
      ...['10.0.0.0/8,169.254.1.0/24', 'fe80::/10', 'fe80::1', 'fe00::/8', '::ffff:169.254.169.254'],
    ],
  },
  {
    name: 'secondsListRule',
    rule: secondsListRule,
    takes: ['0', '1', '0,0,5', '1,2,4', '1, 2, 4', '86400'],
    refuses: ['', ',', '1,,2', '1,2,', '-1', '1.5', '86401', 'one', Array(21).fill('7').join(',')],
  },
  {
    name: 'nodeOptionsRule',
    rule: nodeOptionsRule,
    takes: ['', '--max-old-space-size=512', '--disable-proto=delete --enable-source-maps', '--tls-min-v1.2'],
    refuses: [
      ...[
        '--inspect=0.0.0.0:9333',
        '--max-old-space-size=512 --inspect-brk',
        '--inspect-port=9333',
        '--heapsnapshot-signal=SIGUSR2',
      ],
      ...['--heapsnapshot-near-heap-limit=3', '--heap-prof', '--report-on-signal', '--tls-min-v1.0', '--tls-min-v1.1'],
      // Node.js takes an underscore for a hyphen, and quotes and escapes inside NODE_OPTIONS.
      ...['--heapsnapshot_signal=SIGUSR2', '--tls_min_v1.0', '--inspect_brk', String.raw`"--tls\-min-v1.0"`],
    ],
  },
];

describe.each(table)('$name', ({ rule, takes, refuses }) => {
  it.each(takes)('takes %j', (value) => {
    expect(rule(value)).toBeUndefined();
  });

  it.each(refuses)('refuses %j', (value) => {
    expect(rule(value)).toEqual(expect.stringMatching(/^[a-z]/));
  });

  it('does not repeat what it refuses', () => {
    const repeated = refuses.filter(
      (value) => value.length > 8 && !value.startsWith('--') && rule(value)?.includes(value),
    );
    expect(repeated).toEqual([]);
  });
});

describe('isLoopback', () => {
  it.each(['localhost', 'signet.localhost', '127.0.0.1', '127.255.255.254', '[::1]'])('holds for %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    'localhost.example.com',
    'notlocalhost',
    '127.example.com',
    '127.0.0.1.example.com',
    '128.0.0.1',
    '[::]',
    '0.0.0.0',
    '',
  ])('does not hold for %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe('lists and networks', () => {
  it('trims the parts of a list', () => {
    expect(listOf('a, b ,c')).toEqual(['a', 'b', 'c']);
  });

  it('takes an address for the network of that one address', () => {
    expect(['10.0.0.1', '::1', '10.0.0.0/8', 'no address'].map(asCidr)).toEqual([
      '10.0.0.1/32',
      '::1/128',
      '10.0.0.0/8',
      'no address',
    ]);
  });
});

describe('chosenSecretRule', () => {
  const random: [string, () => string][] = [
    ['32 hexadecimal digits', () => randomBytes(16).toString('hex')],
    ['64 hexadecimal digits', () => randomBytes(32).toString('hex')],
    ['32 characters of base64url', () => randomBytes(24).toString('base64url')],
    ['43 characters of base64url', () => randomBytes(32).toString('base64url')],
  ];

  it.each(random)('refuses none of 10,000 random secrets of %s', (_, make) => {
    const secrets = Array.from({ length: 10_000 }, make);
    expect(secrets.filter((secret) => chosenSecretRule(secret) !== undefined)).toEqual([]);
  });
});
