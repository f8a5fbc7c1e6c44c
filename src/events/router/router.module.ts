import { Module } from '@nestjs/common';

/** Finds the subscriptions of each event, and makes their deliveries. */
@Module({})
export class RouterModule {}
