import { Module } from '@nestjs/common';
import { DeadLettersModule } from './dead-letters/index.js';
import { DeliveryModule } from './delivery/index.js';
import { IngestModule } from './ingest/index.js';
import { ObservationModule } from './observation/index.js';
import { PollModule } from './poll/index.js';
import { RecordsModule } from './records/index.js';
import { RouterModule } from './router/index.js';
import { SubscriptionsModule } from './subscriptions/index.js';

/** The event road: from an accepted event to its receivers, or to a dead letter. */
@Module({
  imports: [
    RecordsModule,
    IngestModule,
    SubscriptionsModule,
    RouterModule,
    DeliveryModule,
    ObservationModule,
    DeadLettersModule,
    PollModule,
  ],
})
export class EventsModule {}
