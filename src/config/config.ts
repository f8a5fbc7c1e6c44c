import type { X509Certificate } from 'node:crypto';
import type { Secret } from './secret.js';

/** Where the server listens and who it says it is. */
export abstract class ServerConfig {
  readonly host: string;
  readonly port: number;
  /** Issuer identifier (RFC 8414 §2), without a trailing slash; the base of every URL that leaves the server. */
  readonly issuer: string;
  /** CIDRs whose `X-Forwarded-For` and `Client-Cert` are believed. */
  readonly trustProxy: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** The certificates of clients. */
export abstract class ClientCertificateConfig {
  /** Whose certificates `tls_client_auth` clients must have; `undefined`: whoever the proxy lets through. */
  readonly authorities: readonly X509Certificate[] | undefined;
}

/** PostgreSQL. */
export abstract class DatabaseConfig {
  /** Unset: the embedded server in `dataDir`. */
  readonly url: Secret<string> | undefined;
  /** Absolute path of the directory for the embedded database and generated local secrets. */
  readonly dataDir: string;
}

/** The queues. */
export abstract class QueueConfig {
  /** Unset: BullMQ's PostgreSQL backend in the same database. */
  readonly redisUrl: Secret<string> | undefined;
}

/** Signing keys and the key that wraps them. */
export abstract class KeyConfig {
  /** Unset with the embedded database: generated into the data directory. */
  readonly keyEncryptionKey: Secret<Buffer> | undefined;
  /** The one that it replaces, until everything at rest has been wrapped anew. */
  readonly previousKeyEncryptionKey: Secret<Buffer> | undefined;
  readonly signingAlg: 'RS256' | 'ES256';
  /** 0 = automatic rotation is off. */
  readonly rotationDays: number;
}

/** Access tokens, and what binds them to their sender. */
export abstract class TokenConfig {
  readonly accessTokenTtlSeconds: number;
  /** Whether a DPoP proof must hold a nonce of this server (RFC 9449 §8). */
  readonly dpopNonceRequired: boolean;
}

/** The admin client of the first start. */
export abstract class BootstrapConfig {
  readonly clientId: string | undefined;
  readonly clientSecret: Secret<string> | undefined;
}

/** Outgoing requests and their retries. */
export abstract class EventConfig {
  /** CIDRs of private networks that outgoing requests may reach. */
  readonly targetNetworks: readonly string[];
  readonly retryBackoffSeconds: readonly number[];
  /** Most events of one publisher that may wait for their delivery. */
  readonly maxPendingPerPublisher: number;
}

/** The audit log. */
export abstract class AuditConfig {
  /** Whole days that an entry is kept at least; 0 = for ever. */
  readonly retentionDays: number;
}

/** Traces of requests. */
export abstract class TracingConfig {
  /** Base URL of the collector (OTLP over HTTP), without a trailing slash; unset: no traces. */
  readonly endpoint: string | undefined;
  /** Sent with every export: they may hold a key. */
  readonly headers: Secret<Readonly<Record<string, string>>> | undefined;
  readonly serviceName: string;
  /** Of the traces that begin here, the share that is recorded, 0 to 1. */
  readonly sampledShare: number;
}

/** What describes the API: `/openapi.json` and `/docs`. */
export abstract class ApiDocsConfig {
  readonly served: boolean;
}

/** Everything that the environment says, checked. */
export interface Config {
  readonly server: ServerConfig;
  readonly clientCertificates: ClientCertificateConfig;
  readonly database: DatabaseConfig;
  readonly queue: QueueConfig;
  readonly keys: KeyConfig;
  readonly tokens: TokenConfig;
  readonly bootstrap: BootstrapConfig;
  readonly events: EventConfig;
  readonly audit: AuditConfig;
  readonly tracing: TracingConfig;
  readonly apiDocs: ApiDocsConfig;
  /** Server processes of one start, 1 to 64. */
  readonly webConcurrency: number;
}
