import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { inspect } from 'node:util';
import { issueCertificate } from '../../test/support/certificate-authority.js';
import type { Config } from './config.js';
import { ConfigurationError, type ConfigurationFault } from './configuration-error.js';
import { environmentVariables, type LoadedConfig, loadConfig } from './env.js';

type Variables = Readonly<Record<string, string>>;

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 37) % 256)).toString('base64');
const previousKey = Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 41) % 256)).toString('base64');
const directory = mkdtempSync(join(tmpdir(), 'signet-env-'));
const authorityFile = join(directory, 'authorities.pem');
const authority = issueCertificate({ authority: true });
writeFileSync(authorityFile, authority.pem);
const secret = 'kT9vQ2mXw7LbN4sZ8cRf6HjYpD3gUe5A';

/** The faults of a configuration; none of them repeats a value, whatever it is. */
function faultsOf(variables: Variables, execArgv: readonly string[] = []): readonly ConfigurationFault[] {
  const error = errorOf(variables, execArgv);
  if (error === undefined) return [];
  for (const [variable, value] of Object.entries(variables)) {
    // Short values may be part of a word, and the name of a Node.js option is not secret.
    const tellTale = value.trim().length > 3 && variable !== 'NODE_OPTIONS' && error.message.includes(value.trim());
    if (tellTale) throw new Error(`the message repeats the value of ${variable}`);
  }
  return error.faults;
}

function errorOf(variables: Variables, execArgv: readonly string[]): ConfigurationError | undefined {
  try {
    loadConfig(variables, execArgv);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
}

/** The names of the variables that are at fault. */
function faulty(variables: Variables, execArgv: readonly string[] = []): string[] {
  return [...new Set(faultsOf(variables, execArgv).map(({ variable }) => variable))];
}

function load(variables: Variables): LoadedConfig {
  return loadConfig(variables);
}

afterAll(() => rmSync(directory, { recursive: true }));

describe('the defaults', () => {
  it('are those of the contract', () => {
    const { config, warnings } = load({});
    expect(config).toEqual<Config>({
      server: { host: '127.0.0.1', port: 3000, issuer: 'http://localhost:3000', trustProxy: [], logLevel: 'info' },
      clientCertificates: { authorities: undefined },
      database: { url: undefined, dataDir: resolve('data') },
      queue: { redisUrl: undefined },
      keys: { keyEncryptionKey: undefined, previousKeyEncryptionKey: undefined, signingAlg: 'RS256', rotationDays: 90 },
      tokens: { accessTokenTtlSeconds: 600, dpopNonceRequired: false },
      bootstrap: { clientId: undefined, clientSecret: undefined },
      events: {
        targetNetworks: ['127.0.0.0/8', '::1/128'],
        retryBackoffSeconds: [1, 2, 4],
        maxPendingPerPublisher: 1_000_000,
      },
      audit: { retentionDays: 0 },
      tracing: { endpoint: undefined, headers: undefined, serviceName: 'signet', sampledShare: 1 },
      apiDocs: { served: true },
      webConcurrency: 1,
    });
    expect(warnings).toEqual([]);
  });

  it('put the port into the issuer', () => {
    expect(load({ PORT: '8080' }).config.server.issuer).toBe('http://localhost:8080');
  });
});

describe('the networks that outgoing requests may reach, if none are named', () => {
  it.each<[string, Variables]>([
    ['the defaults', {}],
    ['HOST=127.0.0.1', { HOST: '127.0.0.1' }],
    ['HOST=::1', { HOST: '::1' }],
    ['HOST=localhost', { HOST: 'localhost' }],
  ])('are those of this machine with the embedded database and %s', (_, variables) => {
    expect(load(variables).config.events.targetNetworks).toEqual(['127.0.0.0/8', '::1/128']);
  });

  it.each<[string, Variables]>([
    ['HOST=0.0.0.0', { HOST: '0.0.0.0' }],
    ['HOST=::', { HOST: '::' }],
    ['HOST=10.0.0.1', { HOST: '10.0.0.1' }],
    ['HOST=127.0.0.1.example.com', { HOST: '127.0.0.1.example.com' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgresql://localhost/signet', KEY_ENCRYPTION_KEY: key }],
  ])('are none with %s', (_, variables) => {
    expect(load(variables).config.events.targetNetworks).toEqual([]);
  });
});

describe('what is set', () => {
  const variables = {
    HOST: '0.0.0.0',
    PORT: '8443',
    ISSUER: 'https://auth.example.com',
    DATABASE_URL: 'postgresql://signet:pgpassword@localhost/signet',
    REDIS_URL: 'redis://:redispassword@127.0.0.1:6379',
    DATA_DIR: '/var/lib/signet',
    KEY_ENCRYPTION_KEY: key,
    KEY_ENCRYPTION_KEY_PREVIOUS: previousKey,
    BOOTSTRAP_CLIENT_ID: 'operator',
    BOOTSTRAP_CLIENT_SECRET: secret,
    ACCESS_TOKEN_TTL_SECONDS: '300',
    DPOP_NONCE_REQUIRED: 'true',
    SIGNING_ALG: 'ES256',
    KEY_ROTATION_DAYS: '0',
    EVENT_TARGET_NETWORKS: '10.0.0.0/8, 192.168.1.7',
    EVENT_RETRY_BACKOFF_SECONDS: '1, 5 ,30',
    EVENT_MAX_PENDING_PER_PUBLISHER: '5000',
    WEB_CONCURRENCY: '1',
    TRUST_PROXY: '10.1.0.0/16,::1',
    TLS_CLIENT_CA_FILE: authorityFile,
    AUDIT_RETENTION_DAYS: '400',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example.com:4318',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=collector%20password,x-tenant=a',
    OTEL_SERVICE_NAME: 'signet-eu',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    API_DOCS: 'false',
    LOG_LEVEL: 'debug',
    STRICT: '1',
  } satisfies Record<(typeof environmentVariables)[number], string>;

  it('is read, each variable into its slice', () => {
    const { config, warnings } = load(variables);
    expect(warnings).toEqual([]);
    expect(config.server).toEqual({
      host: '0.0.0.0',
      port: 8443,
      issuer: 'https://auth.example.com',
      trustProxy: ['10.1.0.0/16', '::1/128'],
      logLevel: 'debug',
    });
    expect(config.clientCertificates.authorities?.map(String)).toEqual([authority.pem]);
    expect(config.database.url?.reveal()).toBe(variables.DATABASE_URL);
    expect(config.database.dataDir).toBe('/var/lib/signet');
    expect(config.queue.redisUrl?.reveal()).toBe(variables.REDIS_URL);
    expect(config.keys.keyEncryptionKey?.reveal().toString('base64')).toBe(key);
    expect(config.keys.previousKeyEncryptionKey?.reveal().toString('base64')).toBe(previousKey);
    expect(config.keys).toMatchObject({ signingAlg: 'ES256', rotationDays: 0 });
    expect(config.tokens).toEqual({ accessTokenTtlSeconds: 300, dpopNonceRequired: true });
    expect(config.apiDocs.served).toBe(false);
    expect(config.bootstrap.clientId).toBe('operator');
    expect(config.bootstrap.clientSecret?.reveal()).toBe(secret);
    expect(config.events).toEqual({
      targetNetworks: ['10.0.0.0/8', '192.168.1.7/32'],
      retryBackoffSeconds: [1, 5, 30],
      maxPendingPerPublisher: 5_000,
    });
    expect(config.webConcurrency).toBe(1);
  });

  it('prints none of its secrets', () => {
    const { config } = load(variables);
    const printed = inspect(config, { depth: null, showHidden: true }) + JSON.stringify(config);
    for (const value of ['pgpassword', 'redispassword', key, previousKey, secret]) expect(printed).not.toContain(value);
  });

  it('may have blanks around it', () => {
    expect(load({ PORT: ' 8080 ', HOST: 'localhost\n' }).config.server).toMatchObject({
      port: 8080,
      host: 'localhost',
    });
  });

  it.each([' https://auth.example.com', 'https://auth.example.com ', 'https://auth.example.com\n'])(
    'C-05: but not around the issuer: %j',
    (ISSUER) => {
      expect(() => load({ ISSUER })).toThrow('ISSUER: must not begin or end with a blank');
    },
  );

  it.each([
    ['600', []],
    ['601', ['ACCESS_TOKEN_TTL_SECONDS']],
    ['86400', ['ACCESS_TOKEN_TTL_SECONDS']],
  ])('D4: may be a lifetime of %s seconds, with a warning where that is long', (ACCESS_TOKEN_TTL_SECONDS, warned) => {
    expect(load({ ACCESS_TOKEN_TTL_SECONDS }).warnings.map(({ variable }) => variable)).toEqual(warned);
  });

  it('makes DATA_DIR absolute', () => {
    expect(isAbsolute(load({ DATA_DIR: 'var/signet' }).config.database.dataDir)).toBe(true);
  });

  it('is refused as DATA_DIR where no directory can be, without its value', () => {
    const file = import.meta.filename;
    for (const DATA_DIR of [file, `${file}/below`, `${file}/far/below`, `/tmp/${'x'.repeat(300)}`]) {
      expect(faulty({ DATA_DIR })).toEqual(['DATA_DIR']);
      expect(() => load({ DATA_DIR })).toThrow(/^DATA_DIR: must be a directory[^/]*$/);
    }
    expect(faulty({ DATA_DIR: `${import.meta.dirname}/not/there/yet` })).toEqual([]);
  });

  it('may be anything where Signet does not know the variable', () => {
    expect(faulty({ PATH: '/usr/bin', SIGNET_PORT: 'x' })).toEqual([]);
  });
});

describe('C-01: faults are told all at once, each with its variable and without its value', () => {
  it('asks for KEY_ENCRYPTION_KEY with DATABASE_URL', () => {
    expect(faulty({ DATABASE_URL: 'postgresql://localhost/signet' })).toEqual(['KEY_ENCRYPTION_KEY']);
  });

  it('tells every fault', () => {
    const variables = {
      HOST: 'not a host',
      PORT: '70000',
      ISSUER: 'http://auth.example.com',
      DATABASE_URL: 'mysql://root:hunter22@db/signet',
      REDIS_URL: 'memcached://cache',
      BOOTSTRAP_CLIENT_ID: 'with space',
      BOOTSTRAP_CLIENT_SECRET: 'letmein-letmein',
      ACCESS_TOKEN_TTL_SECONDS: '59',
      SIGNING_ALG: 'HS256',
      KEY_ROTATION_DAYS: '-1',
      EVENT_TARGET_NETWORKS: '169.254.169.254',
      EVENT_RETRY_BACKOFF_SECONDS: '1,soon',
      WEB_CONCURRENCY: 'many',
      TRUST_PROXY: 'true',
      TLS_CLIENT_CA_FILE: '/nowhere/at/all.pem',
      LOG_LEVEL: 'verbose',
      STRICT: 'yes',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_OPTIONS: '--inspect',
    };
    const expected = [...Object.keys(variables), 'KEY_ENCRYPTION_KEY'];
    expect(faulty(variables).toSorted()).toEqual(expected.toSorted());
  });

  it('writes one line per fault', () => {
    const error = errorOf({ PORT: 'abc', LOG_LEVEL: 'loud' }, []);
    expect(error?.message.split('\n')).toEqual([
      'PORT: must be a whole number from 0 to 65535',
      'LOG_LEVEL: must be one of debug, info, warn, error, silent',
    ]);
  });

  it('asks for KEY_ENCRYPTION_KEY beside another KEY_ENCRYPTION_KEY_PREVIOUS', () => {
    expect(faulty({ KEY_ENCRYPTION_KEY_PREVIOUS: key })).toEqual(['KEY_ENCRYPTION_KEY']);
    expect(faulty({ KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: key })).toEqual([
      'KEY_ENCRYPTION_KEY_PREVIOUS',
    ]);
    expect(faulty({ KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: 'short' })).toEqual([
      'KEY_ENCRYPTION_KEY_PREVIOUS',
    ]);
    expect(faulty({ KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: '' })).toEqual([]);
  });

  it('asks for both halves of the bootstrap client', () => {
    expect(faulty({ BOOTSTRAP_CLIENT_ID: 'operator' })).toEqual(['BOOTSTRAP_CLIENT_SECRET']);
    expect(faulty({ BOOTSTRAP_CLIENT_SECRET: secret })).toEqual(['BOOTSTRAP_CLIENT_ID']);
  });

  it('asks for an issuer where the port is chosen by the system', () => {
    expect(faulty({ PORT: '0' })).toEqual(['ISSUER']);
    expect(faulty({ PORT: '0', ISSUER: 'http://localhost:3000' })).toEqual([]);
  });
});

describe.each(['', '   ', '""', "''", ' "" '])('C-03: a variable that holds %j', (empty) => {
  it.each(['KEY_ENCRYPTION_KEY', 'BOOTSTRAP_CLIENT_ID', 'BOOTSTRAP_CLIENT_SECRET'])('is a fault of %s', (variable) => {
    expect(faulty({ [variable]: empty })).toContain(variable);
  });

  it('leaves KEY_ENCRYPTION_KEY missing beside DATABASE_URL', () => {
    expect(faulty({ DATABASE_URL: 'postgresql://localhost/signet', KEY_ENCRYPTION_KEY: empty })).toEqual([
      'KEY_ENCRYPTION_KEY',
    ]);
  });

  it('counts as unset elsewhere', () => {
    const variables = Object.fromEntries(
      environmentVariables.filter((name) => !/^(KEY_ENC|BOOTSTRAP)/.test(name)).map((name) => [name, empty]),
    );
    expect(load(variables).config).toEqual(load({}).config);
  });
});

describe('values that stop the start', () => {
  it.each<[id: string, variable: string, values: string[]]>([
    [
      'C-05',
      'ISSUER',
      [
        ...['http://auth.example.com', 'https://auth.example.com?x=1', 'https://auth.example.com#x'],
        ...[
          'https://user:pass@auth.example.com',
          'https://auth.example.com/',
          'https://auth example.com',
          'auth.example.com',
        ],
        ...['http://127.0.0.1.example.com', 'http://0.0.0.0:3000'],
      ],
    ],
    [
      'C-07',
      'TRUST_PROXY',
      ['0.0.0.0/0', '::/0', 'true', 'garbage', '0.0.0.0/1,128.0.0.0/1', '10.0.0.0/8,0.0.0.0/0', '::ffff:0:0/96'],
    ],
    [
      'C-09',
      'EVENT_TARGET_NETWORKS',
      ['0.0.0.0/0', '::/0', '169.254.0.0/16', '169.254.169.254', 'fe80::/10', '10.0.0.0/8;'],
    ],
    ['C-17', 'ACCESS_TOKEN_TTL_SECONDS', ['59', '86401', '-600', '10m', '600.5', '1e3']],
    ['C-17', 'KEY_ROTATION_DAYS', ['-1', '3651', 'ninety', '1.5']],
    ['C-17', 'PORT', ['70000', '65536', '-1', 'abc', '0x50', '3000,3001']],
    ['contract', 'WEB_CONCURRENCY', ['0', '65', '2.5', 'auto']],
    ['contract', 'SIGNING_ALG', ['none', 'HS256', 'rs256', 'RS512']],
    ['contract', 'EVENT_RETRY_BACKOFF_SECONDS', ['1,-2', '1;2', '1,2,', 'soon']],
    [
      'contract',
      'KEY_ENCRYPTION_KEY',
      ['short', Buffer.alloc(32).toString('base64'), 'x'.repeat(44), key.replace('=', '')],
    ],
    ['contract', 'DATABASE_URL', ['mysql://localhost/signet', 'localhost:5432', '/run/postgresql']],
    ['contract', 'REDIS_URL', ['http://localhost:6379', 'localhost:6379']],
  ])('%s: %s', (_, variable, values) => {
    const wrong = values.filter((value) => !faulty({ [variable]: value }).includes(variable));
    expect(wrong).toEqual([]);
  });

  it.each([
    'kT9vQ2mXw7LbN4sZ8cRf6HjYpD3gUe5',
    'x'.repeat(64),
    'changeme'.repeat(4),
    'abcdefghijklmnopqrstuvwxyz0123456789',
  ])('contract: a BOOTSTRAP_CLIENT_SECRET that is short or of low entropy: %s', (weak) => {
    expect(faulty({ BOOTSTRAP_CLIENT_ID: 'operator', BOOTSTRAP_CLIENT_SECRET: weak })).toEqual([
      'BOOTSTRAP_CLIENT_SECRET',
    ]);
  });
});

describe('C-11: a connection that leaves the machine without TLS', () => {
  const withKey = (variables: Variables): Variables => ({ KEY_ENCRYPTION_KEY: key, ...variables });

  it.each([
    ['DATABASE_URL', 'postgresql://db.example.com/signet'],
    ['DATABASE_URL', 'postgresql://10.0.0.7/signet?sslmode=disable'],
    ['DATABASE_URL', 'postgresql://db.example.com/signet?sslmode=prefer'],
    ['DATABASE_URL', 'postgresql:///signet?host=db.example.com'],
    ['DATABASE_URL', 'postgresql://127.0.0.1.example.com/signet'],
    ['REDIS_URL', 'redis://cache.example.com:6379'],
    ['REDIS_URL', 'redis://user:password@10.0.0.7'],
  ])('is a warning, and with STRICT=1 a fault: %s %s', (variable, url) => {
    expect(load(withKey({ [variable]: url })).warnings.map((warning) => warning.variable)).toEqual([variable]);
    expect(faulty(withKey({ [variable]: url, STRICT: '1' }))).toEqual([variable]);
  });

  it.each([
    ['DATABASE_URL', 'postgresql://db.example.com/signet?sslmode=verify-full'],
    ['DATABASE_URL', 'postgresql://localhost/signet'],
    ['DATABASE_URL', 'postgresql://127.0.0.1:5433/signet'],
    ['DATABASE_URL', 'postgresql://[::1]/signet'],
    ['DATABASE_URL', 'postgresql:///signet?host=/run/postgresql'],
    ['REDIS_URL', 'rediss://cache.example.com:6380'],
    ['REDIS_URL', 'redis://localhost'],
  ])('is none of them where it is encrypted or stays here: %s %s', (variable, url) => {
    expect(load(withKey({ [variable]: url, STRICT: '1' })).warnings).toEqual([]);
  });

  it('is told without the URL', () => {
    const { warnings } = load({ REDIS_URL: 'redis://user:hunter22@cache.example.com' });
    expect(JSON.stringify(warnings)).not.toMatch(/hunter22|cache\.example\.com/);
  });
});

describe('C-19: options of Node.js that show memory or weaken TLS', () => {
  it.each(['--inspect', '--inspect-brk=9229', '--heapsnapshot-signal=SIGUSR2', '--tls-min-v1.0', '--tls_min_v1.0'])(
    '%s',
    (option) => {
      expect(faulty({ NODE_OPTIONS: `--max-old-space-size=512 ${option}` })).toEqual(['NODE_OPTIONS']);
      expect(faulty({}, [option])).toEqual(['NODE_OPTIONS']);
    },
  );

  it('NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
    expect(faulty({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toEqual(['NODE_TLS_REJECT_UNAUTHORIZED']);
    expect(faulty({ NODE_TLS_REJECT_UNAUTHORIZED: '1' })).toEqual([]);
  });

  it('leaves the others alone', () => {
    expect(
      faulty({ NODE_OPTIONS: '--max-old-space-size=512 --enable-source-maps' }, ['--disable-proto=delete']),
    ).toEqual([]);
  });
});
