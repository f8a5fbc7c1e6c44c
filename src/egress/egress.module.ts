import { Global, Module } from '@nestjs/common';
import { DatabaseConfig, EventConfig, QueueConfig, ServerConfig } from '../config/index.js';
import { Connections } from './connections.js';
import { Egress } from './egress.service.js';
import { ownEndpoints } from './own-endpoints.js';
import { Resolver, SystemResolver } from './resolver.js';
import { TargetGuard } from './target-guard.js';
import { targetPolicy, TargetPolicy } from './target.js';

/** Outgoing requests, for every module that sends one. */
@Global()
@Module({
  providers: [
    {
      provide: TargetPolicy,
      inject: [ServerConfig, DatabaseConfig, QueueConfig, EventConfig],
      useFactory: (server: ServerConfig, database: DatabaseConfig, queue: QueueConfig, events: EventConfig) =>
        targetPolicy(events.targetNetworks, ownEndpoints(server, database, queue)),
    },
    { provide: Resolver, useFactory: () => new SystemResolver() },
    { provide: Connections, useFactory: () => new Connections() },
    TargetGuard,
    Egress,
  ],
  exports: [Egress],
})
export class EgressModule {}
