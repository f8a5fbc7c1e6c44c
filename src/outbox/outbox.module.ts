import { Global, Module } from '@nestjs/common';
import { OutboxMeasures } from './outbox-measures.js';
import { OutboxSignal } from './outbox-signal.js';
import { Outbox } from './outbox.service.js';

/** The outbox, for every module that changes something others must hear of. */
@Global()
@Module({ providers: [Outbox, OutboxMeasures, OutboxSignal], exports: [Outbox, OutboxSignal] })
export class OutboxModule {}
