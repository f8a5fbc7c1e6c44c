import { isAbsolute, resolve } from 'node:path';
import { IsOptional, registerDecorator, validateSync } from 'class-validator';
import { authoritiesRule, readAuthorities } from './certificate-authorities.js';
import { chosenSecretRule } from './chosen-secret-rule.js';
import type { Config, TracingConfig } from './config.js';
import { ConfigurationError, type ConfigurationFault } from './configuration-error.js';
import { dataDirectoryRule } from './data-directory-rule.js';
import {
  asCidr,
  clientIdRule,
  connectionUrl,
  hostRule,
  integerBetween,
  isLoopback,
  issuerRule,
  keyRule,
  listOf,
  networksRule,
  nodeOptionsRule,
  oneOf,
  retentionRule,
  type Rule,
  secondsListRule,
  targetNetworksRule,
  urlWithScheme,
} from './rules.js';
import { Secret } from './secret.js';
import { collectorRule, exportHeadersOf, exportHeadersRule, serviceNameRule, shareRule } from './tracing-rules.js';

/** The variable is optional, and conforms to `rule` where it is set. */
function Conforms(rule: Rule): PropertyDecorator {
  return (target, propertyKey) => {
    IsOptional()(target, propertyKey);
    registerDecorator({
      name: 'conforms',
      target: target.constructor,
      propertyName: String(propertyKey),
      validator: {
        validate: (value: string) => rule(value) === undefined,
        defaultMessage: (argument) => rule(String(argument?.value)) ?? 'is not valid',
      },
    });
  };
}

/** Every variable that the server reads, as text. A test holds this list, `.env.example` and the README's table equal. */
export class Environment {
  @Conforms(hostRule) HOST?: string;
  @Conforms(integerBetween(0, 65_535)) PORT?: string;
  @Conforms(issuerRule) ISSUER?: string;
  @Conforms(urlWithScheme('postgres', 'postgresql')) DATABASE_URL?: string;
  @Conforms(urlWithScheme('redis', 'rediss')) REDIS_URL?: string;
  @Conforms(dataDirectoryRule) DATA_DIR?: string;
  @Conforms(keyRule) KEY_ENCRYPTION_KEY?: string;
  @Conforms(keyRule) KEY_ENCRYPTION_KEY_PREVIOUS?: string;
  @Conforms(clientIdRule) BOOTSTRAP_CLIENT_ID?: string;
  @Conforms(chosenSecretRule) BOOTSTRAP_CLIENT_SECRET?: string;
  @Conforms(integerBetween(60, 86_400)) ACCESS_TOKEN_TTL_SECONDS?: string;
  @Conforms(oneOf('true', 'false')) DPOP_NONCE_REQUIRED?: string;
  @Conforms(oneOf('RS256', 'ES256')) SIGNING_ALG?: string;
  @Conforms(integerBetween(0, 3_650)) KEY_ROTATION_DAYS?: string;
  @Conforms(targetNetworksRule) EVENT_TARGET_NETWORKS?: string;
  @Conforms(secondsListRule) EVENT_RETRY_BACKOFF_SECONDS?: string;
  @Conforms(integerBetween(1, 100_000_000)) EVENT_MAX_PENDING_PER_PUBLISHER?: string;
  @Conforms(integerBetween(1, 64)) WEB_CONCURRENCY?: string;
  @Conforms(networksRule) TRUST_PROXY?: string;
  @Conforms(authoritiesRule) TLS_CLIENT_CA_FILE?: string;
  @Conforms(retentionRule) AUDIT_RETENTION_DAYS?: string;
  @Conforms(collectorRule) OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  @Conforms(exportHeadersRule) OTEL_EXPORTER_OTLP_HEADERS?: string;
  @Conforms(serviceNameRule) OTEL_SERVICE_NAME?: string;
  @Conforms(shareRule) OTEL_TRACES_SAMPLER_ARG?: string;
  @Conforms(oneOf('true', 'false')) API_DOCS?: string;
  @Conforms(oneOf('debug', 'info', 'warn', 'error', 'silent')) LOG_LEVEL?: string;
  @Conforms(oneOf('0', '1')) STRICT?: string;
}

/** The variables of {@link Environment}, in the order in which they are documented. */
export const environmentVariables = [
  'HOST',
  'PORT',
  'ISSUER',
  'DATABASE_URL',
  'REDIS_URL',
  'DATA_DIR',
  'KEY_ENCRYPTION_KEY',
  'KEY_ENCRYPTION_KEY_PREVIOUS',
  'BOOTSTRAP_CLIENT_ID',
  'BOOTSTRAP_CLIENT_SECRET',
  'ACCESS_TOKEN_TTL_SECONDS',
  'DPOP_NONCE_REQUIRED',
  'SIGNING_ALG',
  'KEY_ROTATION_DAYS',
  'EVENT_TARGET_NETWORKS',
  'EVENT_RETRY_BACKOFF_SECONDS',
  'EVENT_MAX_PENDING_PER_PUBLISHER',
  'WEB_CONCURRENCY',
  'TRUST_PROXY',
  'TLS_CLIENT_CA_FILE',
  'AUDIT_RETENTION_DAYS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_SERVICE_NAME',
  'OTEL_TRACES_SAMPLER_ARG',
  'API_DOCS',
  'LOG_LEVEL',
  'STRICT',
] as const satisfies readonly (keyof Environment)[];

/** Variables that, once named, must say something: an empty key would be a known key. */
const neverEmpty = new Set<string>(['KEY_ENCRYPTION_KEY', 'BOOTSTRAP_CLIENT_ID', 'BOOTSTRAP_CLIENT_SECRET']);

const defaultDataDirectory = './data';

type Variables = Readonly<Record<string, string | undefined>>;

/** What was read: the configuration, and what an operator should know though it stops nothing. */
export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly ConfigurationFault[];
}

/**
 * Reads and checks the whole configuration at once.
 *
 * @param variables `process.env`
 * @param execArgv the options that Node.js itself was started with
 * @throws ConfigurationError with every fault, named by variable, without values
 */
export function loadConfig(variables: Variables, execArgv: readonly string[] = []): LoadedConfig {
  const { environment, faults: misread } = readEnvironment(variables);
  const faults = [
    ...misread,
    ...ruleFaults(environment),
    ...combinationFaults(environment),
    ...defaultDirectoryFaults(environment),
    ...platformFaults(variables, execArgv),
  ];
  const unencrypted = unencryptedConnections(environment);
  if (environment.STRICT === '1') faults.push(...unencrypted);
  if (faults.length > 0) throw new ConfigurationError(firstOfEach(faults));
  return { config: configOf(environment), warnings: [...unencrypted, ...longLifetimes(environment)] };
}

/** One line per variable: the fault that was found first. */
function firstOfEach(faults: readonly ConfigurationFault[]): ConfigurationFault[] {
  return faults.filter(({ variable }, index) => faults.findIndex((other) => other.variable === variable) === index);
}

function readEnvironment(variables: Variables): { environment: Environment; faults: ConfigurationFault[] } {
  const environment = new Environment();
  const faults: ConfigurationFault[] = [];
  for (const variable of environmentVariables) {
    const sent = variables[variable];
    const value = sent?.trim();
    if (value === undefined) continue;
    if (value === '' || value === '""' || value === "''") {
      if (neverEmpty.has(variable)) faults.push({ variable, message: 'is set but empty' });
    } else if (variable === 'ISSUER' && value !== sent) {
      // It is compared with what others have written, to the letter.
      faults.push({ variable, message: 'must not begin or end with a blank' });
    } else {
      environment[variable] = value;
    }
  }
  return { environment, faults };
}

function ruleFaults(environment: Environment): ConfigurationFault[] {
  return validateSync(environment, { skipUndefinedProperties: true }).map(({ property, constraints }) => ({
    variable: property,
    message: Object.values(constraints ?? {})[0] ?? 'is not valid',
  }));
}

function combinationFaults(environment: Environment): ConfigurationFault[] {
  const faults: ConfigurationFault[] = previousKeyFaults(environment);
  if (environment.DATABASE_URL !== undefined && environment.KEY_ENCRYPTION_KEY === undefined) {
    faults.push({
      variable: 'KEY_ENCRYPTION_KEY',
      message: 'is required with DATABASE_URL; make one with: openssl rand -base64 32',
    });
  }
  if (environment.BOOTSTRAP_CLIENT_ID !== undefined && environment.BOOTSTRAP_CLIENT_SECRET === undefined) {
    faults.push({ variable: 'BOOTSTRAP_CLIENT_SECRET', message: 'is required with BOOTSTRAP_CLIENT_ID' });
  }
  if (environment.BOOTSTRAP_CLIENT_SECRET !== undefined && environment.BOOTSTRAP_CLIENT_ID === undefined) {
    faults.push({ variable: 'BOOTSTRAP_CLIENT_ID', message: 'is required with BOOTSTRAP_CLIENT_SECRET' });
  }
  if (environment.PORT === '0' && environment.ISSUER === undefined) {
    faults.push({ variable: 'ISSUER', message: 'is required with PORT=0' });
  }
  return faults;
}

/** Something else may be in the place of the directory that nobody has named. */
function defaultDirectoryFaults({ DATA_DIR }: Environment): ConfigurationFault[] {
  const message = DATA_DIR === undefined ? dataDirectoryRule(defaultDataDirectory) : undefined;
  return message === undefined ? [] : [{ variable: 'DATA_DIR', message }];
}

/** The key that is being replaced stands beside the one that replaces it. */
function previousKeyFaults(environment: Environment): ConfigurationFault[] {
  const { KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: previous } = environment;
  if (previous === undefined) return [];
  if (key === undefined) {
    return [{ variable: 'KEY_ENCRYPTION_KEY', message: 'is required with KEY_ENCRYPTION_KEY_PREVIOUS' }];
  }
  if (key !== previous) return [];
  return [{ variable: 'KEY_ENCRYPTION_KEY_PREVIOUS', message: 'is the same as KEY_ENCRYPTION_KEY' }];
}

function platformFaults(variables: Variables, execArgv: readonly string[]): ConfigurationFault[] {
  const faults: ConfigurationFault[] = [];
  const message = nodeOptionsRule([variables['NODE_OPTIONS'] ?? '', ...execArgv].join(' '));
  if (message !== undefined) faults.push({ variable: 'NODE_OPTIONS', message });
  if (variables['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    faults.push({
      variable: 'NODE_TLS_REJECT_UNAUTHORIZED',
      message: 'must not be 0: it switches certificate checks off',
    });
  }
  return faults;
}

/** Connections that leave this machine without TLS: a warning, and a fault with STRICT=1. */
function unencryptedConnections(environment: Environment): ConfigurationFault[] {
  const faults: ConfigurationFault[] = [];
  const database = connectionUrl(environment.DATABASE_URL ?? '');
  if (
    database !== undefined &&
    leavesMachine(database) &&
    !/^(require|verify-ca|verify-full)$/.test(database.searchParams.get('sslmode') ?? '')
  ) {
    faults.push({ variable: 'DATABASE_URL', message: 'leaves this machine without TLS; add sslmode=verify-full' });
  }
  const redis = connectionUrl(environment.REDIS_URL ?? '');
  if (redis !== undefined && leavesMachine(redis) && redis.protocol !== 'rediss:') {
    faults.push({ variable: 'REDIS_URL', message: 'leaves this machine without TLS; use rediss://' });
  }
  return faults;
}

/** What security.md D4 allows and does not like: tokens that administer, and live for long. */
function longLifetimes({ ACCESS_TOKEN_TTL_SECONDS: seconds }: Environment): ConfigurationFault[] {
  if (Number(seconds ?? 0) <= 600) return [];
  const message =
    'is more than 600, for tokens with an admin scope too; give the clients that need it a lifetime of their own';
  return [{ variable: 'ACCESS_TOKEN_TTL_SECONDS', message }];
}

function leavesMachine(url: URL): boolean {
  const host = url.searchParams.get('host') ?? url.hostname;
  return host !== '' && !host.startsWith('/') && !isLoopback(host);
}

function configOf(environment: Environment): Config {
  const port = Number(environment.PORT ?? 3000);
  return {
    server: {
      host: environment.HOST ?? '127.0.0.1',
      port,
      issuer: environment.ISSUER ?? `http://localhost:${port}`,
      trustProxy: environment.TRUST_PROXY === undefined ? [] : listOf(environment.TRUST_PROXY).map(asCidr),
      logLevel: (environment.LOG_LEVEL ?? 'info') as Config['server']['logLevel'],
    },
    clientCertificates: { authorities: readAuthorities(environment.TLS_CLIENT_CA_FILE) },
    database: {
      url: secret(environment.DATABASE_URL),
      dataDir: absolute(environment.DATA_DIR ?? defaultDataDirectory),
    },
    queue: { redisUrl: secret(environment.REDIS_URL) },
    keys: {
      keyEncryptionKey: secretBytes(environment.KEY_ENCRYPTION_KEY),
      previousKeyEncryptionKey: secretBytes(environment.KEY_ENCRYPTION_KEY_PREVIOUS),
      signingAlg: environment.SIGNING_ALG === 'ES256' ? 'ES256' : 'RS256',
      rotationDays: Number(environment.KEY_ROTATION_DAYS ?? 90),
    },
    tokens: {
      accessTokenTtlSeconds: Number(environment.ACCESS_TOKEN_TTL_SECONDS ?? 600),
      dpopNonceRequired: environment.DPOP_NONCE_REQUIRED === 'true',
    },
    bootstrap: { clientId: environment.BOOTSTRAP_CLIENT_ID, clientSecret: secret(environment.BOOTSTRAP_CLIENT_SECRET) },
    events: {
      targetNetworks: targetNetworksOf(environment),
      retryBackoffSeconds: listOf(environment.EVENT_RETRY_BACKOFF_SECONDS ?? '1,2,4').map(Number),
      maxPendingPerPublisher: Number(environment.EVENT_MAX_PENDING_PER_PUBLISHER ?? 1_000_000),
    },
    audit: { retentionDays: Number(environment.AUDIT_RETENTION_DAYS ?? 0) },
    tracing: tracingOf(environment),
    apiDocs: { served: environment.API_DOCS !== 'false' },
    webConcurrency: Number(environment.WEB_CONCURRENCY ?? 1),
  };
}

function tracingOf(environment: Environment): TracingConfig {
  const headers = environment.OTEL_EXPORTER_OTLP_HEADERS;
  return {
    endpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, ''),
    headers: headers === undefined ? undefined : new Secret(exportHeadersOf(headers)),
    serviceName: environment.OTEL_SERVICE_NAME ?? 'signet',
    sampledShare: Number(environment.OTEL_TRACES_SAMPLER_ARG ?? 1),
  };
}

/** Where nobody else is served, at a first try on one machine, a service beside the server may be reached. */
function targetNetworksOf({ EVENT_TARGET_NETWORKS, DATABASE_URL, HOST }: Environment): string[] {
  if (EVENT_TARGET_NETWORKS !== undefined) return listOf(EVENT_TARGET_NETWORKS).map(asCidr);
  const isLocal = DATABASE_URL === undefined && (HOST === undefined || HOST === '::1' || isLoopback(HOST));
  return isLocal ? ['127.0.0.0/8', '::1/128'] : [];
}

function secretBytes(base64: string | undefined): Secret<Buffer> | undefined {
  return base64 === undefined ? undefined : new Secret(Buffer.from(base64, 'base64'));
}

function secret(value: string | undefined): Secret<string> | undefined {
  return value === undefined ? undefined : new Secret(value);
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(path);
}
