import { Module } from '@nestjs/common';
import { TokenModule } from '../../token/index.js';
import { SubscriptionsModule } from '../subscriptions/index.js';
import { AttemptRecorder } from './attempt-recorder.service.js';
import { DeliveryAuthorization } from './delivery-authorization.service.js';
import { DeliveryDatabase } from './delivery-database.js';
import { DeliveryFaults } from './delivery-faults.js';
import { DeliveryMeasures } from './delivery-measures.js';
import { DeliverySender } from './delivery-sender.service.js';
import { HeldDeliveries } from './held-deliveries.repository.js';
import { LaneSweeper } from './lane-sweeper.service.js';
import { Lanes } from './lanes.service.js';
import { LeaseRepository } from './lease.repository.js';

/** Sends what is due. */
@Module({
  imports: [SubscriptionsModule, TokenModule],
  providers: [
    AttemptRecorder,
    DeliveryAuthorization,
    DeliveryDatabase,
    DeliveryFaults,
    DeliveryMeasures,
    DeliverySender,
    HeldDeliveries,
    LaneSweeper,
    Lanes,
    LeaseRepository,
  ],
})
export class DeliveryModule {}
