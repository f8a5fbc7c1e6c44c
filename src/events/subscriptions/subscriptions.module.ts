import { Module } from '@nestjs/common';

/** `/admin/events/subscriptions`. */
@Module({})
export class SubscriptionsModule {}
