import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { getMetadataStorage } from 'class-validator';
import type { Config } from './config.js';
import { Environment, environmentVariables, loadConfig } from './env.js';

type Variable = (typeof environmentVariables)[number];

/** Names in the order in which they are documented, each with the default that is shown; `undefined`: none. */
type Documentation = readonly (readonly [name: string, shownDefault: string | undefined])[];

const project = join(import.meta.dirname, '..', '..');

/** The default of a variable as somebody would write it, from what the code makes of an empty environment. */
const written: Record<Variable, (config: Config) => string | undefined> = {
  HOST: ({ server }) => server.host,
  PORT: ({ server }) => String(server.port),
  ISSUER: ({ server }) => server.issuer,
  DATABASE_URL: ({ database }) => database.url?.reveal(),
  REDIS_URL: ({ queue }) => queue.redisUrl?.reveal(),
  DATA_DIR: ({ database }) => `./${relative(process.cwd(), database.dataDir)}`,
  KEY_ENCRYPTION_KEY: ({ keys }) => keys.keyEncryptionKey?.reveal().toString('base64'),
  KEY_ENCRYPTION_KEY_PREVIOUS: ({ keys }) => keys.previousKeyEncryptionKey?.reveal().toString('base64'),
  BOOTSTRAP_CLIENT_ID: ({ bootstrap }) => bootstrap.clientId,
  BOOTSTRAP_CLIENT_SECRET: ({ bootstrap }) => bootstrap.clientSecret?.reveal(),
  ACCESS_TOKEN_TTL_SECONDS: ({ tokens }) => String(tokens.accessTokenTtlSeconds),
  DPOP_NONCE_REQUIRED: ({ tokens }) => String(tokens.dpopNonceRequired),
  SIGNING_ALG: ({ keys }) => keys.signingAlg,
  KEY_ROTATION_DAYS: ({ keys }) => String(keys.rotationDays),
  // Its default depends on DATABASE_URL and HOST, so it is told in words.
  EVENT_TARGET_NETWORKS: () => undefined,
  EVENT_RETRY_BACKOFF_SECONDS: ({ events }) => events.retryBackoffSeconds.join(','),
  EVENT_MAX_PENDING_PER_PUBLISHER: ({ events }) => String(events.maxPendingPerPublisher),
  WEB_CONCURRENCY: ({ webConcurrency }) => String(webConcurrency),
  TRUST_PROXY: ({ server }) => (server.trustProxy.length === 0 ? undefined : server.trustProxy.join(',')),
  TLS_CLIENT_CA_FILE: ({ clientCertificates }) => clientCertificates.authorities?.join(','),
  AUDIT_RETENTION_DAYS: ({ audit }) => String(audit.retentionDays),
  OTEL_EXPORTER_OTLP_ENDPOINT: ({ tracing }) => tracing.endpoint,
  OTEL_EXPORTER_OTLP_HEADERS: ({ tracing }) => tracing.headers && 'secret',
  OTEL_SERVICE_NAME: ({ tracing }) => tracing.serviceName,
  OTEL_TRACES_SAMPLER_ARG: ({ tracing }) => String(tracing.sampledShare),
  API_DOCS: ({ apiDocs }) => String(apiDocs.served),
  LOG_LEVEL: ({ server }) => server.logLevel,
  // Without a place in the configuration: it decides whether there is one.
  STRICT: () => (startsWithAWarning() ? '0' : '1'),
};

/** Whether an unencrypted connection is a warning rather than a fault when STRICT is not set. */
function startsWithAWarning(): boolean {
  return loadConfig({ REDIS_URL: 'redis://redis.example.com' }).warnings.length === 1;
}

function ofCode(): Documentation {
  const { config } = loadConfig({});
  return environmentVariables.map((name) => [name, written[name](config)]);
}

/** `.env.example`: every line `#NAME=default`. */
function ofExample(): Documentation {
  const lines = readFileSync(join(project, '.env.example'), 'utf8').matchAll(/^#?([A-Z][A-Z_]*)=(.*)$/gm);
  return [...lines].map(([, name = '', value = '']) => [name, value === '' ? undefined : value]);
}

/** `README.md`: the table whose rows begin with a variable; the last cell begins with the default in backticks, if any. */
function ofReadme(): Documentation {
  const rows = readFileSync(join(project, 'README.md'), 'utf8').matchAll(
    /^\| `([A-Z][A-Z_]*)` +\|.*\| *([^|]*?) *\|$/gm,
  );
  return [...rows].map(([, name = '', cell = '']) => [name, /^`([^`]+)`/.exec(cell)?.[1]?.replace('$PORT', '3000')]);
}

describe('the documentation of the configuration', () => {
  it('.env.example shows what the code reads: same names, order and defaults', () => {
    expect(ofExample()).toEqual(ofCode());
  });

  it('the table of the README shows what the code reads: same names, order and defaults', () => {
    expect(ofReadme()).toEqual(ofCode());
  });

  it('what is documented is what is checked', () => {
    const rules = getMetadataStorage().getTargetValidationMetadatas(Environment, '', false, false);
    const checked = new Set(rules.map(({ propertyName }) => propertyName));
    expect([...checked].toSorted()).toEqual([...environmentVariables].toSorted());
  });

  it('.env.example can be used as it is, with every default spelled out', () => {
    const spelledOut = Object.fromEntries(ofExample().filter(([, value]) => value !== undefined));
    expect(loadConfig(spelledOut)).toEqual(loadConfig({}));
  });

  it('docker-compose.yml and the Dockerfile set only what the code reads', () => {
    const compose = readFileSync(join(project, 'docker-compose.yml'), 'utf8');
    const server = /^ {2}server:\n([\s\S]*?)^ {2}\w/m.exec(compose)?.[1] ?? '';
    const image = /^ENV (.*)$/m.exec(readFileSync(join(project, 'Dockerfile'), 'utf8'))?.[1] ?? '';
    const set = [...server.matchAll(/^ {6}([A-Z][A-Z_]*):/gm), ...image.matchAll(/([A-Z][A-Z_]*)=/g)].map(
      ([, name]) => name,
    );
    expect(set).toEqual(expect.arrayContaining(['DATABASE_URL', 'DATA_DIR']));
    const known: readonly (string | undefined)[] = [...environmentVariables, 'NODE_ENV'];
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });
});
