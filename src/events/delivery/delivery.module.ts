import { Module } from '@nestjs/common';

/** Sends what is due. */
@Module({})
export class DeliveryModule {}
