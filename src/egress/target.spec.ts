import { checkTarget, mayReach, type OwnEndpoint, readTarget, targetPolicy, unlessListed } from './target.js';

const nothing = targetPolicy([], []);

/** Which of `urls` the policy lets through. */
function accepted(urls: readonly string[], policy = nothing): string[] {
  return urls.filter((url) => checkTarget(url, policy) === undefined);
}

/** Which of `urls` it refuses. */
function refused(urls: readonly string[], policy = nothing): string[] {
  return urls.filter((url) => checkTarget(url, policy) !== undefined);
}

/** The hosts of E-01, and their family. */
const forbiddenHosts = [
  ...['127.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', 'foo.localhost', '127.1', '127.0.1', '0x7f.1', '0x7f000001'],
  ...['2130706433', '017700000001', '0177.0.0.1', '0', '0.0.0.0', '00000', '0x0', '127.0.0.1.', '10.0.0.1.'],
  ...['[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::7f00:1]'],
  ...['[64:ff9b::7f00:1]', '[64:ff9b::127.0.0.1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001:0:7f00:1::1]'],
  ...['①②⑦.0.0.1', '127。0。0。1', '１２７.0.0.1', '%31%32%37.0.0.1', '127%2E0%2E0%2E1', 'ⓛocalhost'],
  ...['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:169.254.169.254]', '[fd00:ec2::254]', '[fd20:ce::254]'],
  ...['100.64.0.1', '100.100.100.200', '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ...['198.18.0.1', '192.0.2.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', '168.63.129.16'],
  ...['[fe80::1]', '[fe80::1%25eth0]', '[fec0::1]', '[fc00::1]', '[fd00::1]', '[ff02::1]', '[2001:db8::1]'],
  ...['metadata.google.internal', 'METADATA.google.internal', 'metadata', 'metadata.goog', 'instance-data'],
  ...['db', 'redis', 'orders.internal', 'printer.local', 'router.home.arpa', 'metadata.google.internal.'],
];

describe('E-01: with no network allowed', () => {
  it('no form of a forbidden host is a target, whatever the scheme and the port', () => {
    const urls = forbiddenHosts.flatMap((host) => [
      ...[`https://${host}/hook`, `http://${host}/hook`, `https://${host}:8443/`, `http://${host}:80/`],
      ...[`HTTPS://${host}`, `https:\\\\${host}\\hook`, `https:${host}`],
    ]);
    expect(accepted(urls)).toEqual([]);
  });

  it('a target is an https URL on a port for it', () => {
    const urls = [
      ...['https://hooks.example.com', 'https://hooks.example.com/', 'https://hooks.example.com/a/b?c=d&e'],
      ...['https://hooks.example.com:443/', 'https://hooks.example.com:8443/', 'https://xn--bcher-kva.example/hook'],
      ...['https://93.184.216.34/hook', 'https://[2606:4700::1111]/hook', 'https://HOOKS.example.com/hook'],
      ...['https://127.0.0.1.example.com/', 'https://localhost.example.com/', 'https://a_b.example.com/'],
    ];
    expect(refused(urls)).toEqual([]);
  });

  it.each([
    [
      'another scheme',
      'file:///etc/passwd',
      'gopher://example.com/',
      'unix:/run/redis.sock',
      'data:,x',
      'ws://example.com',
    ],
    [
      'another scheme',
      'ftp://example.com',
      'javascript:alert(1)',
      'blob:https://example.com/x',
      'http+unix://%2Frun/x',
    ],
    ['no TLS', 'http://hooks.example.com/', 'http://93.184.216.34/', 'http://hooks.example.com:443/'],
    [
      'another port',
      ...[0, 1, 22, 25, 80, 5432, 6379, 8080, 8444, 65_535].map((port) => `https://example.com:${port}/`),
    ],
    ['user information', 'https://user:pass@example.com/', 'https://user@example.com/', 'https://:pass@example.com/'],
    ['user information', 'https://example.com%40127.0.0.1/', 'https://hooks.example.com@127.0.0.1/'],
    ['an empty user', 'https://@example.com', 'https://:@example.com/', 'HTTPS://@example.com/'],
    [
      'a host that others find elsewhere',
      ...['https://example.com\\@127.0.0.1', 'https:example.com', 'https:/example.com/', 'https:\\\\example.com'],
      ...['https:///example.com/', 'https://example.com/a\\b'],
    ],
    ['a fragment', 'https://example.com/#', 'https://example.com/#a'],
    ['a host that ends with a dot', 'https://example.com./', 'https://example.com.:8443/'],
    ['3,000 characters', `https://example.com/${'a'.repeat(3_000)}`],
    [
      'E-11: control characters',
      'https://example.com/\r\nX: y',
      'https://exa\nmple.com/',
      'https://example.com/\0',
      '\thttps://example.com',
    ],
    ['blanks', ' https://example.com', 'https://example.com/a b', 'https://example.com/ '],
    ['other than ASCII', 'https://bücher.example/', 'https://example.com/ü', 'https://example.com/\u2028'],
    ['no host', 'https://', 'https:///', 'https://?', '//example.com/', 'example.com', '', '/hook', 'https://:443/'],
    ['a port that is none', 'https://example.com:99999/', 'https://example.com:x/', 'https://example.com:-1/'],
    [
      'an address that is none',
      'https://1.2.3.4.5/',
      'https://256.1.1.1/',
      'https://[::1/',
      'https://[1.2.3.4]/',
      'https://0x1ffffffff/',
    ],
  ])('a URL with %s is none', (_, ...urls) => {
    expect(accepted(urls)).toEqual([]);
  });

  it('the fault is a short sentence that repeats nothing of the URL', () => {
    const canary = 'zq7-canary';
    const faults = [
      `http://${canary}/`,
      `https://u:${canary}@example.com`,
      `https://${canary}`,
      `ftp://${canary}.com`,
    ].map((url) => checkTarget(url, nothing));
    for (const fault of faults) expect(fault).toMatch(/^must (?!.*zq7)[^.]{10,120}$/);
  });
});

describe('inside the networks that are allowed', () => {
  const policy = targetPolicy(['10.0.0.0/8', '127.0.0.0/8', 'fc00::/7'], []);

  it('http and any port will do', () => {
    const urls = [
      ...['http://10.1.2.3/hook', 'http://10.1.2.3:8080/hook', 'https://10.1.2.3:9000/hook', 'http://127.0.0.1:3001/'],
      ...['http://localhost:3001/', 'http://[::ffff:10.1.2.3]:81/', 'http://[fd12::1]/', 'http://127.1:9/'],
    ];
    expect(refused(urls, policy)).toEqual([]);
  });

  it.each([22, 25])('port %i, where no HTTP is, will not', (port) => {
    expect(accepted([`http://127.0.0.1:${port}/`, `https://10.1.2.3:${port}/`], policy)).toEqual([]);
  });

  it('a name will do, if it is looked up before it is stored', () => {
    const urls = ['http://orders:8080/hook', 'http://orders.svc.cluster.local/', 'https://orders.internal:9443/'];
    expect(refused(urls, policy)).toEqual([]);
    const alike = [
      ...urls,
      'http://example.com/',
      'https://example.com:2525/',
      'https://orders/',
      'https://orders.internal/',
    ];
    for (const url of alike)
      expect([url, unlessListed(url, policy)]).toEqual([url, expect.stringMatching(/^must name/)]);
  });

  it('nothing is looked up of a URL that every network allows, or none, or whose text tells', () => {
    const urls = [
      ...[
        'https://hooks.example.com/',
        'https://hooks.example.com:8443/',
        'http://10.0.0.1/',
        'http://localhost:3001/',
      ],
      ...['http://11.0.0.1/', 'http://metadata/', 'https://1.2.3.4:25/', 'ftp://orders/', 'x'],
    ];
    for (const url of urls) expect([url, unlessListed(url, policy)]).toEqual([url, undefined]);
    expect(unlessListed('http://orders/', nothing)).toBeUndefined();
  });

  it.each([[['127.0.0.0/8']], [['::1/128']], [['127.0.0.1/32', '::1/128', '::ffff:127.0.0.0/104']]])(
    'of this machine alone (%j), only its own names will do',
    (networks) => {
      const here = targetPolicy(networks, []);
      expect(
        refused(['http://localhost:3001/', 'https://hooks.localhost:2525/', 'https://example.com/'], here),
      ).toEqual([]);
      const urls = [
        ...['http://example.com/', 'http://example.com:443/', 'https://example.com:22/', 'https://example.com:25/'],
        ...['http://orders:8080/', 'https://orders/', 'https://orders.internal/', 'http://localhost.example.com/'],
      ];
      expect(accepted(urls, here)).toEqual([]);
      for (const url of urls) expect([url, unlessListed(url, here)]).toEqual([url, undefined]);
    },
  );

  it('what lies elsewhere is judged as ever', () => {
    const urls = [
      ...['http://11.0.0.1/', 'https://11.0.0.1:8080/', 'https://192.168.0.1/', 'https://[::1]/', 'http://[::1]:3001/'],
      ...['http://172.16.0.1/', 'https://[2002:a00:1::1]/', 'https://[64:ff9b::a00:1]/', 'https://[::a00:1]/'],
    ];
    expect(accepted(urls, policy)).toEqual([]);
    expect(accepted(['https://11.0.0.1/'], policy)).toHaveLength(1);
  });

  it('link-local and what is reserved is never reached, even if it is listed', () => {
    const everything = targetPolicy(
      [...['0.0.0.0/0', '::/0', '169.254.0.0/16', 'fe80::/10', '0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4'], 'fc00::/7'],
      [],
    );
    const urls = [
      ...[
        'http://169.254.169.254/',
        'https://169.254.1.1/',
        'https://[fe80::1]/',
        'http://0.0.0.0:3001/',
        'http://[::]/',
      ],
      ...['http://224.0.0.1/', 'http://255.255.255.255/', 'https://[fd00:ec2::254]/', 'https://[ff02::1]/'],
      ...['http://metadata.google.internal/computeMetadata/v1/', 'http://metadata/', 'http://100.100.100.200/'],
      ...['http://[2002:7f00:1::]/', 'http://[64:ff9b::a9fe:a9fe]/', 'http://[::ffff:169.254.169.254]/'],
    ];
    expect(accepted(urls, everything)).toEqual([]);
  });

  it('localhost needs a network of this machine', () => {
    expect(accepted(['http://localhost:3001/', 'https://a.localhost/'], targetPolicy(['10.0.0.0/8'], []))).toEqual([]);
    expect(refused(['http://localhost:3001/'], targetPolicy(['::1/128'], []))).toEqual([]);
  });
});

describe('E-01: our own endpoints', () => {
  const own: OwnEndpoint[] = [
    { host: 'auth.example.com', port: 443, byAddress: false },
    { host: '0.0.0.0', port: 3000, byAddress: true },
    { host: '10.0.0.5', port: 5432, byAddress: true },
    { host: 'redis', port: 6379, byAddress: true },
  ];
  const policy = targetPolicy(['127.0.0.0/8', '::1/128', '10.0.0.0/8'], own);

  it('are no targets, even where their network is allowed', () => {
    const urls = [
      ...['https://auth.example.com/oauth/token', 'https://AUTH.example.com:443/', 'http://127.0.0.1:3000/'],
      ...['http://localhost:3000/', 'http://127.9.9.9:3000/', 'http://[::1]:3000/', 'http://[::ffff:127.0.0.1]:3000/'],
      ...['http://10.0.0.5:5432/', 'https://10.0.0.5:5432/', 'http://[::ffff:10.0.0.5]:5432/', 'http://redis:6379/'],
    ];
    expect(accepted(urls, policy)).toEqual([]);
  });

  it('are told by host and port together', () => {
    const urls = [
      'https://other.example.com/',
      'http://127.0.0.1:3001/',
      'http://10.0.0.5:5433/',
      'http://10.0.0.6:5432/',
    ];
    expect(refused(urls, policy)).toEqual([]);
  });
});

describe('an address behind a name', () => {
  const policy = targetPolicy(['10.0.0.0/8'], []);

  it.each([
    ['93.184.216.34', true, false],
    ['10.0.0.1', true, true],
    ['::ffff:10.0.0.1', true, true],
    ['192.168.0.1', false, false],
    ['127.0.0.1', false, false],
    ['169.254.169.254', false, false],
    ['fe80::1%eth0', false, false],
    ['not an address', false, false],
  ])('%s may be reached over https on 443: %s; otherwise: %s', (address, usually, listedOnly) => {
    expect(mayReach(address, { listedOnly: false }, policy)).toBe(usually);
    expect(mayReach(address, { listedOnly: true }, policy)).toBe(listedOnly);
  });

  it('is asked for by the canonical form of the URL', () => {
    const target = readTarget('HTTPS://Hooks.Example.COM:443/a/../b?c', policy);
    expect(target).toMatchObject({ hostname: 'hooks.example.com', port: 443, listedOnly: false });
    expect(typeof target === 'string' ? target : target.url.href).toBe('https://hooks.example.com/b?c');
  });
});
