import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DataSource } from 'typeorm';
import { AppModule, type AppParts, entities } from './app.module.js';
import { Bootstrap, type BootstrapOutcome } from './clients/index.js';
import type { Config } from './config/index.js';
import { connect, connectionShare, createDataSource, migrate, Postgres } from './database/index.js';
import { Readiness } from './health/index.js';
import {
  AllowedMethods,
  createFastifyAdapter,
  createLogger,
  FastLane,
  type HttpParts,
  NestLogger,
  OpenAnswers,
  PreparedDocuments,
} from './http/index.js';
import { Measurements, type Tracing } from './measurements/index.js';
import { ApiDocument } from './openapi/index.js';
import { defaultQueuePrefix } from './queue/index.js';
import { startTracing } from './tracing/index.js';

/** A server that answers. */
export interface RunningServer {
  readonly app: NestFastifyApplication;
  /** Port that it listens on; differs from the configured one only for port 0. */
  readonly port: number;
  readonly bootstrap: BootstrapOutcome;
  /** Hands over to other processes at the same address: takes no more connections, and ends each after its next answer. */
  retire(): Promise<void>;
  /** Takes no more requests, finishes those in flight, flushes, closes the queue and the database. */
  close(): Promise<void>;
}

/** The server cannot listen at `HOST` and `PORT`; the cause says why. */
export class CannotListen extends Error {
  constructor(cause: unknown) {
    super('the server cannot listen', { cause });
    this.name = 'CannotListen';
  }
}

/**
 * Migrates the database, builds the application on it and starts to listen. `main.ts` and the tests share it.
 *
 * @param postgresUrl the database to use, embedded or not
 * @param scheduledJobsTurn resolves when this process, one of several, is to run the scheduled jobs
 * @throws ConfigurationError, CannotListen, or what PostgreSQL says
 */
export async function startApp(
  config: Config,
  postgresUrl: string,
  queuePrefix = defaultQueuePrefix,
  scheduledJobsTurn?: Promise<void>,
): Promise<RunningServer> {
  const share = connectionShare(config.webConcurrency);
  const logger = createLogger(config.server.logLevel, config.webConcurrency > 1);
  let closing = false;
  const onPoolError = () => {
    if (!closing) logger.warn({ context: 'database' }, 'a connection to the database was lost');
  };
  const dataSource = createDataSource(postgresUrl, entities, onPoolError, share.typeOrm);
  await connect(dataSource, () => logger.warn({ context: 'database' }, 'waiting for the database'));
  const measurements = new Measurements((source, error) =>
    logger.warn({ context: 'metrics', source, fault: error instanceof Error ? error.message : 'unknown' }, 'not read'),
  );
  const postgres = new Postgres(postgresUrl, { max: share.hot, onError: onPoolError });
  const closeDatabase = async () => {
    // A pool does not wait until its connections are closed: an embedded database that ends meanwhile cuts them.
    closing = true;
    await Promise.allSettled([postgres.close(), dataSource.destroy()]);
  };
  try {
    await migrate(dataSource);
    const tracing = await startTracing(config.tracing, (message) => logger.warn({ context: 'tracing' }, message));
    const app = await createApp(
      { config, measurements, dataSource, postgres, postgresUrl, queuePrefix, scheduledJobsTurn },
      logger,
      tracing,
    );
    // Meanwhile nobody waits: what is left of the traces goes while the database is being closed.
    return await listen(app, config, async () => void (await Promise.all([tracing?.stop(), closeDatabase()])));
  } catch (error) {
    await closeDatabase();
    throw error;
  }
}

async function createApp(
  parts: Omit<AppParts, 'http'>,
  logger: ReturnType<typeof createLogger>,
  tracing: Tracing | undefined,
): Promise<NestFastifyApplication> {
  const http: HttpParts = {
    allowedMethods: new AllowedMethods(),
    preparedDocuments: new PreparedDocuments(),
    fastLane: new FastLane(),
  };
  const { issuer, trustProxy } = parts.config.server;
  return NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot({ ...parts, http }),
    createFastifyAdapter({ ...http, issuer, trustProxy, logger, measurements: parts.measurements, tracing }),
    { bodyParser: false, logger: new NestLogger(logger), abortOnError: false },
  );
}

async function listen(
  app: NestFastifyApplication,
  { server }: Config,
  closeDatabase: () => Promise<void>,
): Promise<RunningServer> {
  try {
    await app.init();
    app.get(ApiDocument, { strict: false }).describe(app);
    const bootstrap = await app.get(Bootstrap).run();
    const answers = new OpenAnswers(app.getHttpServer());
    answers.measure(app.get(Measurements));
    await app.listen(server.port, server.host).catch((error: unknown) => {
      throw new CannotListen(error);
    });
    const address = app.getHttpServer().address();
    const port = typeof address === 'object' && address !== null ? address.port : server.port;
    const close = async () => {
      app.get(Readiness).drain();
      answers.close();
      await app.close();
      await closeDatabase();
    };
    return { app, port, bootstrap, retire: () => answers.retire(), close };
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

/** The data source with every entity, not yet connected: for commands and tests that need no server. */
export function fullDataSource(postgresUrl: string): DataSource {
  return createDataSource(postgresUrl, entities);
}
