import { Module } from '@nestjs/common';
import { SubscriptionsModule } from '../subscriptions/index.js';
import { EventRelay } from './event-relay.js';
import { EventRouter } from './event-router.js';
import { RouterRepository } from './router.repository.js';
import { RoutingMeasures } from './routing-measures.js';

/** Finds the subscriptions of each event, and makes their deliveries. */
@Module({ imports: [SubscriptionsModule], providers: [EventRelay, EventRouter, RouterRepository, RoutingMeasures] })
export class RouterModule {}
