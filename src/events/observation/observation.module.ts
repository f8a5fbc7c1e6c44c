import { Module } from '@nestjs/common';

/** What an operator sees of the event road: deliveries, attempts, numbers; and how long they are kept. */
@Module({})
export class ObservationModule {}
