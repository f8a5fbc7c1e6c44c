import { Global, Module } from '@nestjs/common';
import { OutboxMeasures } from './outbox-measures.js';
import { Outbox } from './outbox.service.js';

/** The outbox, for every module that changes something others must hear of. */
@Global()
@Module({ providers: [Outbox, OutboxMeasures], exports: [Outbox] })
export class OutboxModule {}
