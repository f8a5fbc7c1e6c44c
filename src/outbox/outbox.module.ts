import { Global, Module } from '@nestjs/common';
import { Outbox } from './outbox.service.js';

/** The outbox, for every module that changes something others must hear of. */
@Global()
@Module({ providers: [Outbox], exports: [Outbox] })
export class OutboxModule {}
