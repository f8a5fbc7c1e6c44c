import { Module } from '@nestjs/common';
import { AttemptPartitions } from './attempt-partitions.js';
import { BacklogMeasures } from './backlog-measures.js';
import { Deliveries } from './deliveries.service.js';
import { DeliveryRepository } from './delivery.repository.js';
import { EventRetention } from './event-retention.js';
import { ObservationController } from './observation.controller.js';
import { SubscriptionMetrics } from './subscription-metrics.service.js';

/** What an operator sees of the event road: deliveries, attempts, numbers; and how long they are kept. */
@Module({
  controllers: [ObservationController],
  providers: [AttemptPartitions, BacklogMeasures, Deliveries, DeliveryRepository, EventRetention, SubscriptionMetrics],
})
export class ObservationModule {}
